"""``paredown plan``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from search.cli.options import Config, Json, Overrides
from search.cli.output import err, out, print_json
from search.config.budget import duration
from search.study.workspace import Workspace
from spaces import counted

if TYPE_CHECKING:
    from search.config.sweep_config import SweepConfig
    from search.planning.estimate import Estimate, Range
    from search.planning.estimator import Estimator
    from search.planning.plan import Plan
    from search.suggest.costs import Spread
    from spaces import Recipe, StepSpec

EXAMPLE = "paredown plan configs/digits.yaml -o search.trials=20"


def plan(
    path: Config,
    overrides: Overrides = None,
    probing: Annotated[
        bool, typer.Option("--probe", help="First do one recipe for each kind of stage whose time is not known.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how long a sweep will take, how large its space is, what recipes share, and what is ruled out and why."""
    from search.planning.estimator import Estimator
    from search.planning.plan import Plan
    from search.planning.reading import read_sweep

    config, task = read_sweep(path, overrides or ())
    found = Plan.of(config, task)
    estimator = Estimator(config, found, Workspace.default())
    estimate = estimator.estimate()
    if probing and estimate.unknown:
        _probe(estimator, estimate, config.space.steps)
        estimate = estimator.estimate()
    if as_json:
        budget = str(config.search.budget) if config.search.budget else None
        print_json({"sweep": config.sweep, "budget": budget, **found.to_json(), "estimate": estimate.to_json()})
        return
    console = out()
    recipes = counted(found.recipes, "distinct recipe")
    console.print(f"sweep [bold]{config.sweep}[/bold]: {recipes}, {config.search.extent}")
    for line in (*_extent(config, found, estimate), *_times(path, estimate)):
        console.print(line, markup=False, soft_wrap=True)
    _print_stages(console, estimate)
    _print_orders(console, found)
    _print_rules(console, found)
    for warning in found.warnings:
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)


def _probe(estimator: Estimator, estimate: Estimate, steps: Sequence[StepSpec]) -> None:
    """Do the recipes that tell what `estimate` lacks, and tell of each when it begins, and of those that fail."""
    console, recipes = err(), estimator.probes(estimate.unknown)
    with console.status("probing") as shown:

        def begin(number: int, recipe: Recipe) -> None:
            text = f"probing {number + 1} of {len(recipes)}: {recipe.label(steps)}"
            shown.update(text)
            if not console.is_terminal:
                console.print(text, markup=False, soft_wrap=True)

        done = estimator.probe(recipes, begin)
    for trial in done:
        if trial.failure:
            label, reason = trial.recipe.label(steps), trial.failure.headline
            console.print(f"the probe of {label} failed: {reason}", markup=False, soft_wrap=True)


def _extent(config: SweepConfig, found: Plan, estimate: Estimate) -> Iterator[str]:
    """Return how many trials there will be, where the sweep's file does not tell."""
    search, trials = config.search, counted(estimate.trials, "trial")
    if estimate.in_budget:
        few, many = (f"{number:,.0f}" for number in (estimate.in_budget.low, estimate.in_budget.high))
        more = f"{trials} or more" if estimate.is_capped else f"about {trials} ({few} to {many})"
        yield f"{search.extent}: {more}"
    elif search.budget:
        more = "not all timings are known" + ("" if search.trials else f", so {trials} are reckoned with")
        yield f"how many trials a budget of {search.budget} is good for cannot be told: {more}"
    if search.trials and found.trials < search.trials:
        yield f"search.trials is {search.trials:,}, but there are only {counted(found.trials, 'trial')}"
    if search.trials and estimate.trials < found.trials and not estimate.in_budget:
        yield f"of {counted(found.trials, 'trial')} only the first {estimate.trials:,} were reckoned with"


def _times(path: Path, estimate: Estimate) -> Iterator[str]:
    """Return how long it takes until the end, and where that is known from."""
    lacking = ", ".join(estimate.unknown)
    advice = f"paredown plan {path} --probe does one recipe for each (what it computes is kept)"
    if not any(stage.seconds_each for stage in estimate.stages):
        yield f"time: not known, for want of timings of {lacking}; {advice}"
        return
    least = "at least " if estimate.unknown else ""
    slots = f"{estimate.at_once} at once" if estimate.at_once else "1 at once; more run where the cluster has room"
    yield f"time: {least}{_range(estimate.wall_s)} for {counted(estimate.trials, 'trial')}, {slots}"
    unshared = f"{_range(estimate.unshared_s)} if every trial did all of its own anew"
    yield f"work: {least}{_range(estimate.work_s)}; {least}{unshared}"
    if estimate.unknown:
        yield f"  without what is not known, for want of timings of {lacking}; {advice}"
    yield "  from the quartiles of what was timed before; no two trials measure at once on a machine"
    if once := [stage.stage for stage in estimate.stages if stage.seconds_each and stage.seconds_each.count == 1]:
        yield f"  rough: {', '.join(once)} timed only once, so that the range is too narrow"


def _print_orders(console: Console, found: Plan) -> None:
    if len(found.orders) == 1:
        console.print(f"order: {next(iter(found.orders))}", markup=False)
        return
    console.print(f"orders ({found.recipes - sum(found.orders.values()):,} recipes mean the same in each):")
    for order, count in found.orders.items():
        console.print(f"  {order}: {counted(count, 'recipe')}", markup=False)


def _print_rules(console: Console, found: Plan) -> None:
    if not found.rules:
        return
    console.print(f"ruled out: {found.excluded:,} more (one may be counted with several of these)")
    for rule, count in found.rules.items():
        console.print(f"  {count:,}  {rule}", markup=False, soft_wrap=True)


def _print_stages(console: Console, estimate: Estimate) -> None:
    from search.planning.estimate import Range
    from search.suggest.costs import Spread

    about, least = (", about", ", at least") if estimate.is_sampled else ("", "")
    table = Table(Column("stage", no_wrap=True, vertical="bottom"), box=None)
    counts = (f"recipes that\nneed it{about}", f"different\nresults{least}")
    expected = (f"expected in {estimate.trials:,}\ntrials{about}", f"not yet\nstored{about}")
    for column in (*counts, *expected, "seconds\neach", "together"):
        table.add_column(column, justify="right", vertical="bottom")
    for stage in estimate.stages:
        table.add_row(
            stage.stage,
            _share(stage.recipes / estimate.recipes) if estimate.is_sampled else f"{stage.recipes:,}",
            f"{stage.distinct:,}",
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
    table.add_row("(measuring)", "", "", f"{estimate.trials:,}", f"{estimate.trials:,}", each, total)
    console.print(table)
    console.print("  with the results for what each trial is compared with: its parent and the uncompressed teacher")
    if estimate.is_sampled:
        told = f"  counted in {estimate.looked_at:,} recipes that were drawn at random from {estimate.recipes:,}"
        console.print(told, soft_wrap=True)
    if any(stage.scaled for stage in estimate.stages):
        console.print("  * scaled from trainings with other numbers of epochs")


def _count(number: float) -> str:
    return f"{number:.0f}" if abs(number - round(number)) < 0.05 else f"{number:.1f}"


def _share(part: float) -> str:
    return f"{100 * part:.0f} %" if part >= 0.01 else "< 1 %"


def _each(spread: Spread | None) -> str:
    if spread is None:
        return "not known"
    if spread.count == 1:
        return f"{spread.likely:.2g} (once)"
    return f"{spread.low:.2g} to {spread.high:.2g}"


def _range(found: Range) -> str:
    ends = [duration(seconds) for seconds in (found.low, found.high)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
