"""``paredown measure``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from search.cli.options import Csv, Json, Name
from search.cli.output import err, out, print_json
from search.errors import SweepError
from search.study.workspace import Workspace
from spaces import InputError, Problem, illegal

if TYPE_CHECKING:
    from pipelines import Target, Targets
    from search.analysis.before_after import BeforeAfter
    from search.analysis.held_out import HeldOut
    from search.study.saved import Sweep
    from search.study.trial import Trial

EXAMPLE = "paredown measure digits --runtime openvino --batch 8"


def measure(
    name: Name,
    everything: Annotated[
        bool, typer.Option("--all", help="Every complete trial, not only the front and what is near.")
    ] = False,
    target: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of several targets, the one to replace.", show_default=False)
    ] = None,
    runtime: Annotated[str | None, typer.Option(metavar="NAME", help="Another runtime.", show_default=False)] = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another device: cpu or cuda.", show_default=False)
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Another batch size.", show_default=False)] = None,
    threads: Annotated[int | None, typer.Option(help="Other threads per call.", show_default=False)] = None,
    here: Annotated[bool, typer.Option("--here", help="On this machine, though the target is a resource.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Open the test split for every member of the front.")] = False,
    csv: Csv = None,
    as_json: Json = False,
) -> None:
    """Measure the front's files again, side by side, for these targets or another; nothing is trained."""
    from pipelines import Targets
    from search.analysis.before_after import before_after_json, before_after_table, compare
    from search.analysis.held_out import hold_out
    from search.analysis.post_hoc import PostHoc
    from search.analysis.remeasuring import remeasure, subjects
    from search.execution.ray_executor import RayExecutor
    from search.finalize import counting, report
    from search.reports.own_file import file_problems
    from search.reports.report import write_csv
    from search.study.saved import load_sweep, stored_evaluator
    from search.tracking.annotation import annotate, before_after_annotation

    if problems := file_problems(csv):
        raise InputError(problems)
    workspace = Workspace.default()
    sweep, folder = load_sweep(name, workspace), workspace.sweep(name)
    own = sweep.config.targets
    if here:
        own = Targets(tuple((each, replace(one, resource="")) for each, one in own))
    changes = {"runtime": runtime, "device": device, "batch": batch, "threads": threads}
    targets = _targets(own, target, {key: value for key, value in changes.items() if value is not None})
    console = err()
    if test and targets != sweep.config.targets:
        raise InputError.at("--test", "the test split is for the sweep's own targets; leave out what changes them")
    trials = subjects(sweep, PostHoc.of(sweep, folder).near, everything=everything)
    if not trials:
        raise SweepError(f"nothing to measure: no trial of {name!r} is complete; see: paredown status {name}")
    if folder.is_running():
        console.print(f"sweep {name!r} is running: its trials disturb what is measured now", soft_wrap=True)
    build = stored_evaluator(sweep, workspace)
    with RayExecutor(sweep.config.cluster, folder.ray).measuring(replace(build, targets=targets)) as there:
        remeasurement = remeasure(trials, there, targets, counting(console, targets))
    console.print(f"wrote {remeasurement.write(folder.measurements)}", soft_wrap=True, markup=False)
    opened = {t.number: hold_out(t, build, folder.held_out)[1] for t in _members(sweep)} if test else {}
    before_after, post_hoc = compare(sweep, remeasurement), PostHoc.of(sweep, folder)
    report(annotate(sweep, workspace, post_hoc, before_after_annotation(sweep, before_after)), console)
    if csv:
        write_csv(before_after_table(before_after), csv)
        console.print(f"wrote {csv}", soft_wrap=True, markup=False)
    if as_json:
        print_json({"sweep": name, **before_after_json(before_after), **(_test_json(sweep, opened) if test else {})})
        return
    out().print(_table(before_after))
    out().print(
        f"hypervolume {sweep.state.hypervolume:.4f} as searched, {before_after.hypervolume:.4f} as measured now"
    )
    if test:
        out().print(_test_table(sweep, opened))
        console.print(OPENED, soft_wrap=True)


OPENED = (
    "the test split is now open for every member of the front: whoever picks by these scores uses it as a second "
    "validation split, and the picked one's test score will be too good"
)


def _targets(own: Targets, name: str | None, changes: Mapping[str, Any]) -> Targets:
    """The sweep's targets with what is to be different."""
    from pipelines import device_problem

    options = ", ".join(f"--{key}" for key in changes)
    if name is not None and name not in own.named:
        legal = illegal(name, own.named) if own.named else "the sweep has one target, without a name; leave it out"
        raise InputError.at("--target", legal)
    if name is not None and not changes:
        raise InputError.at(
            "--target", "nothing is to be different there; give --runtime, --device, --batch or --threads"
        )
    if own.named and changes and name is None:
        raise InputError.at(options, f"for which target? give --target; legal: {', '.join(own.named)}")
    changed = own.replaced(name or "", _changed(own[name or ""], changes)) if changes else own
    problems = (device_problem(target) for _, target in changed)
    if problem := next(filter(None, problems), None):
        raise InputError.at("--device", problem)
    return changed


def _changed(own: Target, changes: Mapping[str, Any]) -> Target:
    """A target with what is to be different."""
    from pipelines import RUNTIMES, runtime_problem
    from pipelines.processors import beyond, processors
    from search.config.sections import BATCH, THREADS

    target = replace(own, **changes)
    if "runtime" in changes and (problem := runtime_problem(target.runtime)):
        raise InputError.at("--runtime", problem)
    if target.device not in (devices := RUNTIMES[target.runtime].devices):
        raise InputError.at("--device", illegal(target.device, devices))
    asked = (("batch", BATCH), ("threads", THREADS))
    if wrong := [
        Problem(f"--{key}", told) for key, legal in asked if key in changes and (told := legal.problem(changes[key]))
    ]:
        raise InputError(wrong)
    if "threads" in changes and not own.resource and target.threads > (have := processors()):
        raise InputError.at("--threads", beyond(target.threads, have))
    return target


def _members(sweep: Sweep) -> tuple[Trial, ...]:
    return sweep.state.front.members


def _table(before_after: BeforeAfter) -> Table:
    table = Table(title=f"Measured again: {before_after.remeasurement.targets}")
    table.add_column("trial", justify="right")
    table.add_column("recipe", overflow="fold")
    for objective in before_after.objectives:
        table.add_column(f"{objective.name}: then → now", justify="right")
    table.add_column("p(front)", justify="right")
    table.add_column("front")
    for then, now in zip(before_after.then, before_after.now, strict=True):
        cells = [_cell(then, now, objective.name) for objective in before_after.objectives]
        fate = before_after.fate(then.number)
        fate += f": {now.failure.headline}" if now.failure else ""
        chance = f"{before_after.chances[then.number]:.2f}"
        table.add_row(str(then.number), then.label, *cells, chance, fate, style="dim" if fate == "off" else None)
    return table


def _cell(then: Trial, now: Trial, name: str) -> str:
    """Both values, and the new one's interval where it is known."""
    from search.reports.table import number

    if name not in now.metrics:
        return f"{number(then.metrics[name])} → ?"
    interval = now.intervals.get(name)
    sure = f" [dim]({'–'.join(map(number, interval))})[/dim]" if interval else ""
    return f"{number(then.metrics[name])} → {number(now.metrics[name])}{sure}"


def _on_test(sweep: Sweep, opened: Mapping[int, HeldOut]) -> tuple[list[int], list[int]]:
    from search.analysis.held_out import fronts_on_test, on_test

    members = [on_test(trial, opened[trial.number]) for trial in _members(sweep)]
    return fronts_on_test(members, sweep.config.objectives)


def _test_json(sweep: Sweep, opened: Mapping[int, HeldOut]) -> dict[str, Any]:
    best, worst = _on_test(sweep, opened)
    return {"test": [found.to_json() for found in opened.values()], "optimistic": best, "pessimistic": worst}


def _test_table(sweep: Sweep, opened: Mapping[int, HeldOut]) -> Table:
    from search.reports.table import score_cells

    best, worst = _on_test(sweep, opened)
    table = Table(title="The front on the test split")
    for column in ("trial", "validation", "95 % interval", "test", "95 % interval", "optimistic", "pessimistic"):
        table.add_column(column, justify="right")
    for trial in _members(sweep):
        found = opened[trial.number]
        marks = ["yes" if trial.number in front else "" for front in (best, worst)]
        table.add_row(str(trial.number), *score_cells(found.validation)[:2], *score_cells(found.test)[:2], *marks)
    return table
