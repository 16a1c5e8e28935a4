"""The check of a sweep before anything is started: everything that is wrong with its file and its task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines import RUNTIMES, Exclude, Task, Training, device_problem, format_of, load_task
from pipelines.preflight import Findings, preflight
from pipelines.preflight.progress import at
from pipelines.processors import beyond, processors
from pipelines.scores import SCORES
from pipelines.store import Remote
from pipelines.tasks.declared import score_names
from search.config.sections import ClusterSection, StoreSection, TargetSection, TaskSection, TrackingSection
from search.config.sweep_config import Reading, read_config
from search.config.tracking_address import file_problem
from spaces import InputError, Problem, Rule


@dataclass(frozen=True)
class Check:
    """Findings of the check of a sweep.

    Attributes:
        problems: What has to be solved before it can run.
        rules: Combinations that cannot work, where it has others in their place.
        warnings: What works, but most likely not as it is meant.
    """

    problems: tuple[Problem, ...] = ()
    rules: tuple[Rule, ...] = ()
    warnings: tuple[str, ...] = ()


def check_sweep(raw: Mapping[str, Any]) -> Check:
    """Try the sweep that a file says as far as it can be without a trial, in this process.

    Args:
        raw: The file's content.

    Returns:
        What is wrong with the file, the task or the store, and what was found when the task was tried.
    """
    at("reading the file")
    reading = read_config(raw)
    problems = list(reading.problems)
    task, findings = _load_task(reading, problems), Findings()
    if task and reading.space:
        target = reading.section(TargetSection, "target") or TargetSection()
        training, exclude = reading.section(Training, "training"), reading.section(Exclude, "exclude")
        runtime = target.runtime if target.runtime in RUNTIMES else TargetSection().runtime
        findings = preflight(task, reading.space, training, format_of(runtime).name, exclude or Exclude())
        problems += findings.problems
        problems += _score_problems(reading, task)
    problems += _processor_problems(reading)
    problems += _device_problems(reading)
    problems += _tracking_problems(reading)
    at("reaching the store")
    problems += _store_problems(reading)
    return Check(tuple(dict.fromkeys(problems)), tuple(findings.rules), tuple(findings.warnings))


def _load_task(reading: Reading, problems: list[Problem]) -> Task | None:
    """The task, or None if it cannot be known; adds to `problems` if it cannot be loaded."""
    section = reading.section(TaskSection, "task")
    if section is None:
        return None
    known = "task.args" not in reading.wrong
    at(f"loading {section.use}")
    try:
        task = load_task(section.use, section.args)
    except InputError as error:
        # Without the arguments that were meant it says nothing that it is refused.
        problems += [problem for problem in error.problems if known or problem.where != "task.args"]
        return None
    return task if known else None


def _score_problems(reading: Reading, task: Task) -> Iterator[Problem]:
    """Yield the objectives and constraints that look at a score of the whole split which the task does not name."""
    named = score_names(task)
    for section in ("objectives", "constraints"):
        given = reading.raw.get(section)
        for name in given if isinstance(given, Mapping) else ():
            if name in SCORES and name not in named:
                advice = f"write scores = {[*named, name]} in its class, or give a ready-made task the argument scores"
                yield Problem(f"{section}.{name}", f"is measured only if the task names it: {advice}")


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


def _tracking_problems(reading: Reading) -> Iterator[Problem]:
    """Yield why MLflow's own file cannot be used; whether a server answers, a run finds out."""
    section = reading.section(TrackingSection, "tracking")
    if section and section.uri and (problem := file_problem(section.uri)):
        yield Problem("tracking.uri", problem)


def _store_problems(reading: Reading) -> Sequence[Problem]:
    section = reading.section(StoreSection, "store")
    if section is None or section.url is None:
        return ()
    try:
        Remote(section.url).check()
    except InputError as error:
        return error.problems
    return ()
