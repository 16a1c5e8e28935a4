"""``paredown front``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from search.analysis.front_comparison import contest_frame, contest_json, load_contest
from search.analysis.post_hoc import Evidence
from search.cli.output import err, out, print_json
from search.reports.front_comparison_plot import plot_contest
from search.reports.front_comparison_table import members_table, reference_words, summary_table
from search.reports.plot import plot_front
from search.reports.report import front_csv, front_json
from search.reports.table import front_table
from search.study.saved import load_sweep
from search.study.workspace import Workspace
from spaces import InputError, Problem


def front(names: Sequence[str], as_json: bool, csv: Path | None, plot: Path | None) -> None:
    """See `search.cli.app.front`."""
    if len(names) == 1 and "@" not in names[0]:
        _one(names[0], as_json, csv, plot)
    else:
        _several(names, as_json, csv, plot)


def _one(name: str, as_json: bool, csv: Path | None, plot: Path | None) -> None:
    sweep = load_sweep(name)
    _check(csv, plot)
    if csv:
        front_csv(sweep.standing.front, csv)
        err().print(f"wrote {csv}")
    if plot:
        title = f"{name}: {len(sweep.standing.front.members)} of {sweep.standing.complete} trials on the front"
        _draw(lambda path: plot_front(title, sweep.standing, sweep.trials, path), plot)
    if as_json or not (csv or plot):
        evidence = Evidence.of(sweep, Workspace.default().sweep(name))
        if as_json:
            print_json(front_json(sweep.config, sweep.standing, evidence))
        else:
            out().print(front_table(sweep.standing, sweep.config.objectives, evidence))


def _several(names: Sequence[str], as_json: bool, csv: Path | None, plot: Path | None) -> None:
    contest = load_contest(names, Workspace.default())
    _check(csv, plot)
    for remark in contest.remarks:
        err().print(remark, markup=False, soft_wrap=True)
    if csv:
        contest_frame(contest).to_csv(csv, index=False)
        err().print(f"wrote {csv}")
    if plot:
        _draw(lambda path: plot_contest(contest, path), plot)
    if as_json:
        print_json(contest_json(contest))
    elif not (csv or plot):
        out().print(members_table(contest))
        out().print(summary_table(contest))
        out().print(reference_words(contest), soft_wrap=True)


def _check(csv: Path | None, plot: Path | None) -> None:
    """See whether both can be written.

    Raises:
        InputError: folders that do not exist.
    """
    given = (("--csv", csv), ("--plot", plot))
    lost = [(option, path.parent) for option, path in given if path and not path.parent.is_dir()]
    if lost:
        raise InputError(Problem(option, f"folder {folder} does not exist") for option, folder in lost)


def _draw(draw: Callable[[Path], None], path: Path) -> None:
    try:
        draw(path)
    except ValueError as error:
        raise InputError.at("--plot", str(error)) from error
    err().print(f"wrote {path}")
