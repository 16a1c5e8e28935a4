"""``paredown front``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import Csv, Json, Plot
from search.cli.output import err, out, print_json
from search.study.workspace import Workspace
from spaces import InputError, counted

EXAMPLE = "paredown front digits --plot front.png"


def front(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="SWEEP",
            help="The sweep's name; several are compared. NAME@openvino-b8: as measured again for that target.",
            show_default=False,
        ),
    ],
    near: Annotated[bool, typer.Option("--near", help="Add the trials near the front.")] = False,
    as_json: Json = False,
    csv: Csv = None,
    plot: Plot = None,
) -> None:
    """Show the Pareto front, with the uncompressed teacher beside it; or several side by side."""
    if len(names) == 1 and "@" not in names[0]:
        _one(names[0], near, as_json, csv, plot)
    else:
        _several(names, as_json, csv, plot)


def _one(name: str, near: bool, as_json: bool, csv: Path | None, plot: Path | None) -> None:
    from search.analysis.post_hoc import PostHoc
    from search.reports.own_file import file_problems
    from search.reports.report import front_csv, front_json
    from search.reports.table import front_table, next_steps
    from search.selection.recommended import recommended_picks
    from search.study.saved import load_sweep

    sweep = load_sweep(name)
    if problems := file_problems(csv, plot):
        raise InputError(problems)
    if csv:
        front_csv(sweep.state.front, csv)
        err().print(f"wrote {csv}")
    if plot:
        from search.reports.plot import plot_front  # slow to load

        title = f"{name}: {len(sweep.state.front.members)} of {counted(sweep.state.complete, 'trial')} on the front"
        plot_front(title, sweep.state, sweep.trials, plot)
        err().print(f"wrote {plot}")
    if as_json or not (csv or plot):
        post_hoc = PostHoc.of(sweep, Workspace.default().sweep(name))
        if as_json:
            print_json(front_json(sweep.config, sweep.state, post_hoc))
        else:
            picks, hidden = recommended_picks(sweep.config, sweep.state), 0 if near else len(post_hoc.near)
            out().print(front_table(sweep.state, sweep.config.objectives, post_hoc, picks=picks, near=near))
            out().print(next_steps(name, picks, hidden), markup=False, soft_wrap=True)


def _several(names: Sequence[str], as_json: bool, csv: Path | None, plot: Path | None) -> None:
    from search.analysis.front_comparison import load_front_comparison
    from search.reports.front_comparison_data import front_comparison_frame, front_comparison_json
    from search.reports.front_comparison_plot import plot_front_comparison
    from search.reports.front_comparison_table import members_table, reference_words, summary_table
    from search.reports.own_file import file_problems
    from search.reports.report import write_csv

    comparison = load_front_comparison(names, Workspace.default())
    if problems := file_problems(csv, plot):
        raise InputError(problems)
    for remark in comparison.remarks:
        err().print(remark, markup=False, soft_wrap=True)
    if csv:
        write_csv(front_comparison_frame(comparison), csv)
        err().print(f"wrote {csv}")
    if plot:
        plot_front_comparison(comparison, plot)
        err().print(f"wrote {plot}")
    if as_json:
        print_json(front_comparison_json(comparison))
    elif not (csv or plot):
        out().print(members_table(comparison))
        out().print(summary_table(comparison))
        out().print(reference_words(comparison), soft_wrap=True)
