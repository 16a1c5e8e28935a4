"""``paredown replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import Json, Overrides, Plot
from search.cli.output import err, out, print_json
from spaces import InputError, counted

EXAMPLE = "paredown replay digits -o search.sampler=random --slots 4 --plot replay.png"


def replay(
    name: Annotated[
        str,
        typer.Argument(metavar="SWEEP", help="The sweep's name, or the file of a record of one.", show_default=False),
    ],
    overrides: Overrides = None,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Trials at once; as many as ran at once in the sweep, when absent.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Number of replays, each with another seed.")] = 5,
    as_json: Json = False,
    plot: Plot = None,
) -> None:
    """Show what a finished sweep would have found with another sampler, budget or number of trials at once.

    Nothing is trained: trials take the seconds and find the numbers that they did, in virtual time. What a recipe that
    was not run would have found is a model's guess, of which the number and the error are told.
    """
    from search.replay.record import Record, is_record
    from search.replay.recorded import Recorded
    from search.replay.replay import as_it_was, changed, replay_all, slots_of
    from search.reports.own_file import file_problems
    from search.reports.replay_report import error_words, replay_json, replay_table
    from search.study import saved

    sweep = Record.read(Path(name)).sweep if is_record(name) else saved.load_sweep(name)
    config = changed(sweep.config, overrides or ())
    if problems := file_problems(None, plot):
        raise InputError(problems)
    name, world, at_once = sweep.config.sweep, Recorded(sweep), slots or slots_of(sweep)
    with err().status("replaying") as shown:

        def on_progress(done: int, total: int) -> None:
            shown.update(f"replaying: {done} of {counted(total, 'trial')}")

        curves = replay_all(world, config, at_once, seeds, on_progress)
    was = as_it_was(sweep)
    if plot:
        from search.reports.replay_plot import plot_replay

        plot_replay(name, was, curves, at_once, plot)
        err().print(f"wrote {plot}")
    errors = world.errors if any(curve.supposed for curve in curves) else ()
    if as_json:
        print_json(replay_json(was, curves, at_once, errors))
        return
    out().print(replay_table(name, was, slots_of(sweep), curves, at_once))
    out().print(error_words(curves, errors), markup=False, soft_wrap=True)
