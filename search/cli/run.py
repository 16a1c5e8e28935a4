"""``paredown run``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import Config, Json, Overrides
from search.cli.output import err, out, print_json
from search.study.workspace import Workspace
from spaces import counted

if TYPE_CHECKING:
    from search.reports.progress import LiveProgress
    from search.study.saved import Sweep
    from search.study.study import Study

EXAMPLE = "paredown run configs/digits.yaml -o search.trials=20"


def run(
    path: Config,
    overrides: Overrides = None,
    fresh: Annotated[bool, typer.Option(help="Start over; set an earlier sweep of this name aside.")] = False,
    as_json: Json = False,
) -> None:
    """Run the sweep. Run it again to resume."""
    from search.finalize import check_complete, finalize
    from search.planning.advice import warnings
    from search.planning.reading import read_sweep
    from search.reports.progress import LiveProgress
    from search.reports.report import front_json
    from search.reports.table import front_table, next_steps
    from search.selection.recommended import recommended_picks
    from search.sweep import run_sweep

    config, task = read_sweep(path, overrides or ())
    console = err()
    for warning in warnings(config, task):
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    with ExitStack() as stack:

        def observers(study: Study) -> list[LiveProgress]:
            state = study.state
            if state.finished:
                console.print(f"resuming sweep {config.sweep}: {counted(state.finished, 'trial')} finished so far")
            return [stack.enter_context(LiveProgress(config, state, console, study.trials))]

        def tell(words: str) -> None:
            console.print(words, markup=False, soft_wrap=True)

        sweep = run_sweep(config, Workspace.default(), fresh=fresh, observers=observers, tell=tell)
    if sweep.tracking_problem:
        advice = "run the same command to update it"
        console.print(f"MLflow is not up to date ({sweep.tracking_problem}); {advice}", markup=False, soft_wrap=True)
    check_complete(sweep)
    post_hoc = finalize(sweep, Workspace.default(), console)
    if as_json:
        print_json(front_json(config, sweep.state, post_hoc))
        return
    picks = recommended_picks(config, sweep.state)
    out().print(front_table(sweep.state, config.objectives, post_hoc, picks=picks))
    if ended := _ended_early(sweep):
        console.print(ended, markup=False, soft_wrap=True)
    if sweep.state.stopped:
        console.print(f"stopped early: {sweep.state.stopped} of the trials; see why: paredown status {config.sweep}")
    if sweep.state.failed:
        console.print(f"failed: {sweep.state.failed} of the trials; see why: paredown status {config.sweep}")
    out().print(next_steps(config.sweep, picks, len(post_hoc.near)), markup=False, soft_wrap=True)


def _ended_early(sweep: Sweep) -> str:
    """The reason why there are fewer trials than planned, and how to have more; empty if there are as many."""
    from search.suggest.budget_tracker import BudgetTracker
    from search.suggest.patience import Patience

    planned, budget_tracker = sweep.config.search.trials, BudgetTracker(sweep.config, sweep.trials)
    if planned is not None and sweep.state.finished >= planned:
        return ""
    budget = sweep.config.search.budget
    if budget and budget_tracker.is_used_up:
        more = replace(budget, seconds=2 * budget.seconds)
        return (
            f"the budget is used up ({budget_tracker.progress}): no new trial was started, and those running were "
            "finished; "
            f"to continue, raise the total: -o 'search.budget={more}'"
        )
    patience = Patience.of(sweep.config, sweep.trials)
    if patience.is_exhausted:
        less = f"less than search.min_gain, {sweep.config.search.min_gain:.1%}"
        trials = counted(sweep.state.finished, "trial")
        return (
            f"the patience is at its end after {trials} ({patience.words or 'no hypervolume'}, "
            f"{less}); to continue, lower that or raise the patience: -o search.patience={2 * patience.ahead}"
        )
    return f"the space has no more recipes: all of its {counted(sweep.state.finished, 'trial')} finished"
