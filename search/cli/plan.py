"""``paredown plan``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from search.cli.options import Config, Json, Overrides
from search.cli.output import err, out, print_json
from search.config.budget import duration
from search.study.workspace import Workspace
from spaces import Recipe

if TYPE_CHECKING:
    from pipelines import Evaluator
    from search.config.sweep_config import SweepConfig
    from search.planning.estimate import Estimate, Range
    from search.planning.plan import Plan
    from search.planning.workload import Workload
    from search.study.trial import Trial
    from search.suggest.costs import Spread

EXAMPLE = "paredown plan configs/digits.yaml -o search.trials=20"


def plan(
    path: Config,
    overrides: Overrides = None,
    probing: Annotated[
        bool, typer.Option("--probe", help="First do one recipe for each kind of stage whose time is not known.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how large the space is, what is ruled out and why, what recipes share, and how long it will take."""
    from search.planning.plan import Plan
    from search.planning.probe import probes
    from search.planning.reading import read_sweep

    config, task = read_sweep(path, overrides or ())
    found = Plan.of(config, task)
    known = _Known.of(config, found, Workspace.default())
    estimate = known.estimate()
    if probing and estimate.unknown:
        known.probe(probes(known.workload, estimate.unknown))
        estimate = known.estimate()
    if as_json:
        budget = str(config.search.budget) if config.search.budget else None
        print_json({"sweep": config.sweep, "budget": budget, **found.to_json(), "estimate": estimate.to_json()})
        return
    console = out()
    console.print(f"sweep [bold]{config.sweep}[/bold]: {found.recipes} distinct recipes, {config.search.extent}")
    if config.search.trials and found.trials < config.search.trials:
        console.print(f"  search.trials is {config.search.trials}, but {found.trials} trials are all there are")
    _print_orders(console, found)
    _print_rules(console, found)
    if found.shares is None:
        console.print("stages: one step can be done in so many ways that what is shared was not counted")
    _print_stages(console, found, estimate)
    _print_times(console, path, config, found, estimate)
    for warning in found.warnings:
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)


@dataclass
class _Known:
    """Knowledge that an estimate is made from; probing adds to it."""

    config: SweepConfig
    plan: Plan
    workspace: Workspace
    evaluate: Evaluator
    workload: Workload
    trials: list[Trial]

    @classmethod
    def of(cls, config: SweepConfig, plan: Plan, workspace: Workspace) -> _Known:
        from search.planning.timings import trials_like
        from search.planning.workload import Workload
        from search.study.saved import sweep_evaluator

        evaluate = sweep_evaluator(config, workspace)
        stored = frozenset(str(entry.get("key")) for entry in evaluate.store.folder.manifests())
        planned = plan.trials if config.search.trials else 0
        workload = Workload.of(config.space, evaluate.context, stored, planned)
        return cls(config, plan, workspace, evaluate, workload, trials_like(config, workspace))

    def estimate(self) -> Estimate:
        from search.config.sections import DEFAULT_TRIALS
        from search.planning.estimate import Estimate
        from search.planning.timings import Timings

        manifests = self.evaluate.store.folder.manifests()
        timings = Timings.of(self.workload, self.evaluate.context, manifests, self.trials)
        return Estimate.of(self.config, self.workload, timings, self.plan.trials, DEFAULT_TRIALS)

    def probe(self, recipes: Sequence[Recipe]) -> None:
        """Do `recipes` as a worker would, and take their times."""
        import torch

        from pipelines import STEPS
        from search.planning.probe import probe

        console = err()
        torch.set_num_threads(self.config.cluster.cpus_per_trial)
        with console.status("probing") as shown:

            def begin(number: int, recipe: Recipe) -> None:
                text = f"probing {number + 1} of {len(recipes)}: {recipe.label(STEPS)}"
                shown.update(text)
                if not console.is_terminal:
                    console.print(text, markup=False, soft_wrap=True)

            done = list(probe(recipes, self.evaluate, begin))
        for trial in done:
            if trial.failure:
                reason = trial.failure.headline
                label = trial.recipe.label(STEPS)
                console.print(f"the probe of {label} failed: {reason}", markup=False, soft_wrap=True)
        again = self.of(self.config, self.plan, self.workspace)
        self.workload, self.trials = again.workload, [*self.trials, *done]


def _print_orders(console: Console, found: Plan) -> None:
    if len(found.orders) == 1:
        console.print(f"order: {next(iter(found.orders))}", markup=False)
        return
    console.print(f"orders ({found.recipes - sum(found.orders.values())} recipes mean the same in each):")
    for order, count in found.orders.items():
        console.print(f"  {order}: {count} recipes", markup=False)


def _print_rules(console: Console, found: Plan) -> None:
    if not found.rules:
        return
    console.print(f"ruled out: {found.excluded} more (one may be counted with several of these)")
    for rule, count in found.rules.items():
        console.print(f"  {count}  {rule}", markup=False, soft_wrap=True)


def _print_stages(console: Console, found: Plan, estimate: Estimate) -> None:
    from search.planning.estimate import Range
    from search.suggest.costs import Spread

    shares = {share.stage: share for share in found.shares or ()}
    table = Table(Column("stage", no_wrap=True), box=None)
    columns = ("recipes that need it", "different results", f"expected in {estimate.trials} trials", "not yet stored")
    for column in (*columns, "seconds each", "together"):
        table.add_column(column, justify="right")
    for stage in estimate.stages:
        share = shares.get(stage.stage)
        table.add_row(
            stage.stage,
            *((str(share.recipes), str(share.distinct)) if share else ("-", "-")),
            _count(stage.results),
            _count(stage.missing),
            _each(stage.seconds_each) + ("*" if stage.scaled else ""),
            _range(stage.seconds) if stage.seconds else "not known",
        )
    each, total = "not known", "not known"
    if estimate.alone and estimate.beside:
        pair = (estimate.alone, estimate.beside)
        low, likely, high = (sum(getattr(one, end) for one in pair) for end in ("low", "likely", "high"))
        each = _each(Spread(low, likely, high, estimate.alone.count))
        total = _range(Range(*(estimate.trials * seconds for seconds in (low, likely, high))))
    table.add_row("(measuring)", "", "", str(estimate.trials), str(estimate.trials), each, total)
    console.print(table)
    if any(stage.scaled for stage in estimate.stages):
        console.print("  * scaled from trainings with other numbers of epochs")


def _print_times(console: Console, path: Path, config: SweepConfig, found: Plan, estimate: Estimate) -> None:
    known = any(stage.seconds_each for stage in estimate.stages)
    if estimate.unknown:
        lacking = ", ".join(estimate.unknown)
        advice = f"paredown plan {path} --probe does one recipe for each (what it computes is kept)"
        console.print(f"no timings of {lacking}; {advice}", markup=False, soft_wrap=True)
    if not known:
        if config.search.trials is None:
            console.print(f"no number of trials is known: {estimate.trials} are looked at above")
        return
    if estimate.trials < found.trials and config.search.trials and not estimate.in_budget:
        console.print(f"of {found.trials} trials only the first {estimate.trials} were reckoned with")
    part = f" (partial: without {', '.join(estimate.unknown)})" if estimate.unknown else ""
    slots = f"{estimate.at_once} at once" if estimate.at_once else "1 at once; more run where the cluster has room"
    lines = [
        f"estimated time of {estimate.trials} trials{part}, from the quartiles of what was timed before:",
        f"  work: {_range(estimate.work_s)}",
        f"  until the end: {_range(estimate.wall_s)}, {slots}; no two measure at once on a machine",
        f"  work if every trial did all of its own anew: {_range(estimate.unshared_s)}",
    ]
    if once := [stage.stage for stage in estimate.stages if stage.seconds_each and stage.seconds_each.count == 1]:
        lines.append(f"  rough: {', '.join(once)} timed only once, so that the range is too narrow")
    if estimate.in_budget:
        few, likely, many = (f"{n:.0f}" for n in (estimate.in_budget.low, estimate.trials, estimate.in_budget.high))
        more = f"{likely} trials or more" if estimate.is_capped else f"about {likely} trials ({few} to {many})"
        lines.append(f"  {config.search.extent}: {more}")
    elif config.search.budget:
        lines.append(f"  how many trials a budget of {config.search.budget} is good for cannot be told from this")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _count(number: float) -> str:
    return f"{number:.0f}" if abs(number - round(number)) < 0.05 else f"{number:.1f}"


def _each(spread: Spread | None) -> str:
    if spread is None:
        return "not known"
    if spread.count == 1:
        return f"{spread.likely:.2g} (once)"
    return f"{spread.low:.2g} to {spread.high:.2g}"


def _range(found: Range) -> str:
    ends = [duration(seconds) for seconds in (found.low, found.high)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
