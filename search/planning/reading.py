"""A sweep's file, read and tried: every mistake in it, and in its task, is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines import RUNTIMES, Task, Training, device_problem, format_of, load_task
from pipelines.preflight import Findings, preflight
from pipelines.processors import beyond, processors
from pipelines.store import Remote
from search.config.sections import ClusterSection, StoreSection, TargetSection, TaskSection
from search.config.sweep_config import Reading, SweepConfig, read_config
from spaces import InputError, Problem


def read_sweep(path: Path, overrides: Sequence[str] = ()) -> tuple[SweepConfig, Task]:
    """Read the sweep's file at `path`, load its task, and try both as far as they can be without a trial.

    Args:
        path: A YAML file.
        overrides: ``key.path=value`` strings that replace or add values; values are YAML.

    Returns:
        The sweep and its task.

    Raises:
        InputError: everything that is wrong with the file, the overrides, the task or the store, in the file's order.
    """
    reading = read_config(path, overrides)
    problems = list(reading.problems)
    task, findings = _load_task(reading, problems), Findings()
    if task and reading.space:
        target = reading.section(TargetSection, "target") or TargetSection()
        training = reading.section(Training, "training")
        runtime = target.runtime if target.runtime in RUNTIMES else TargetSection().runtime
        findings = preflight(task, reading.space, training, format_of(runtime).name)
        problems += findings.problems
    problems += _processor_problems(reading)
    problems += _device_problems(reading)
    problems += _store_problems(reading)
    if problems or task is None:
        raise InputError(_in_order(dict.fromkeys(problems), reading.raw))
    config = reading.checked()
    space = config.space.ruling_out(findings.rules)
    if not space.size():
        raise InputError(Problem("space", f"every recipe is ruled out: {rule}") for rule in space.ruled_out())
    return replace(config, space=space, warnings=tuple(findings.warnings)), task


def _load_task(reading: Reading, problems: list[Problem]) -> Task | None:
    """The task, or None if it cannot be known; adds to `problems` if it cannot be loaded."""
    section = reading.section(TaskSection, "task")
    if section is None:
        return None
    known = "task.args" not in reading.wrong
    try:
        task = load_task(section.use, section.args)
    except InputError as error:
        # Without the arguments that were meant it says nothing that it is refused.
        problems += [problem for problem in error.problems if known or problem.where != "task.args"]
        return None
    return task if known else None


def _processor_problems(reading: Reading) -> Iterator[Problem]:
    """Yield what is asked of this machine's processors beyond their number; those of a cluster are not known."""
    cluster, target = reading.section(ClusterSection, "cluster"), reading.section(TargetSection, "target")
    if cluster is None or cluster.address != "local":
        return
    have = processors()
    asked = {"cluster.cpus_per_trial": cluster.cpus_per_trial, "target.threads": target.threads if target else 0}
    for where, count in asked.items():
        if count > have and where not in reading.wrong:
            yield Problem(where, beyond(count, have))


def _device_problems(reading: Reading) -> Iterator[Problem]:
    """Yield what keeps this machine from measuring on the target's device; those of a cluster are not known."""
    cluster, target = reading.section(ClusterSection, "cluster"), reading.section(TargetSection, "target")
    known = target is not None and not {"target", "target.runtime", "target.device"} & {*reading.wrong}
    if cluster is None or cluster.address != "local" or target is None or not known or target.runtime not in RUNTIMES:
        return
    if problem := device_problem(target.value()):
        yield Problem("target.device", problem)


def _store_problems(reading: Reading) -> Sequence[Problem]:
    section = reading.section(StoreSection, "store")
    if section is None or section.url is None:
        return ()
    try:
        Remote(section.url).check()
    except InputError as error:
        return error.problems
    return ()


def _in_order(problems: Iterable[Problem], raw: Mapping[str, Any]) -> list[Problem]:
    """Sort `problems` as their places stand in the file: overrides first, and last in a section what it lacks."""
    return sorted(problems, key=lambda problem: _place(problem.where, raw))


def _place(where: str, raw: Mapping[str, Any]) -> tuple[int, ...]:
    if where.startswith("-o "):
        return ()
    place: list[int] = []
    section: Any = raw
    for key in where.split("."):
        keys = list(map(str, section)) if isinstance(section, Mapping) else []
        place.append(keys.index(key) if key in keys else len(keys))
        section = section.get(key) if isinstance(section, Mapping) else None
    return tuple(place)
