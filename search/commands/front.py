"""``paredown front``."""

from __future__ import annotations

from pathlib import Path

from search.commands.output import err, out, print_json
from search.evidence import Evidence
from search.plot import plot_front
from search.report import front_csv, front_json
from search.saved import load_sweep
from search.table import front_table
from search.workspace import Workspace
from spaces import InputError


def front(name: str, as_json: bool, csv: Path | None, plot: Path | None) -> None:
    """See `search.cli.front`."""
    sweep = load_sweep(name)
    for option, path in (("--csv", csv), ("--plot", plot)):
        if path and not path.parent.is_dir():
            raise InputError.at(option, f"folder {path.parent} does not exist")
    if csv:
        front_csv(sweep.standing.front, csv)
        err().print(f"wrote {csv}")
    if plot:
        title = f"{name}: {len(sweep.standing.front.members)} of {sweep.standing.complete} trials on the front"
        try:
            plot_front(title, sweep.standing, sweep.trials, plot)
        except ValueError as error:
            raise InputError.at("--plot", str(error)) from error
        err().print(f"wrote {plot}")
    if as_json or not (csv or plot):
        evidence = Evidence.of(sweep, Workspace.default().sweep(name))
        if as_json:
            print_json(front_json(sweep.config, sweep.standing, evidence))
        else:
            out().print(front_table(sweep.standing, sweep.config.objectives, evidence))
