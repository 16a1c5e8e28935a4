"""The check of a sweep before anything is started: everything that is wrong with its file and its task."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines import RUNTIMES, Exclude, Task, Training, device_problem, format_of, load_task
from pipelines.preflight import Findings, preflight
from pipelines.preflight.progress import at
from pipelines.processors import beyond, processors
from pipelines.runtimes import bare
from pipelines.scores import SCORES
from pipelines.store import Remote
from pipelines.tasks.declared import score_names
from pipelines.tasks.hooks import OwnFit
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
    had_ray = _has_ray()
    reading = read_config(raw)
    problems = list(reading.problems)
    task, findings = _load_task(reading, problems), Findings()
    if task and reading.space:
        training, exclude = reading.section(Training, "training"), reading.section(Exclude, "exclude")
        runtimes = [each.section.runtime for each in reading.targets if each.section.runtime in RUNTIMES]
        formats = dict.fromkeys(format_of(runtime).name for runtime in runtimes or [TargetSection().runtime])
        for each in formats:
            found = preflight(task, reading.space, training, each, exclude or Exclude())
            problems += found.problems
            findings.rules += [rule for rule in found.rules if rule not in findings.rules]
            findings.warnings += [words for words in found.warnings if words not in findings.warnings]
        problems += _score_problems(reading, task)
        problems += _together_problems(reading, task)
    if _has_ray() and not had_ray:
        problems.append(Problem("task.use", "its code starts Ray; take ray.init() out, as a sweep starts Ray itself"))
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


def _has_ray() -> bool:
    """Return True if Ray runs in this process, whoever started it; does not load it."""
    ray = sys.modules.get("ray")
    return bool(ray and ray.is_initialized())


def _score_problems(reading: Reading, task: Task) -> Iterator[Problem]:
    """Yield the objectives and constraints that look at a score of the whole split which the task does not name."""
    named = score_names(task)
    for section in ("objectives", "constraints"):
        given = reading.raw.get(section)
        for name in given if isinstance(given, Mapping) else ():
            if isinstance(name, str) and bare(name) in SCORES and bare(name) not in named:
                advice = (
                    f"write scores = {[*named, bare(name)]} in its class, or give a ready-made task the argument scores"
                )
                yield Problem(f"{section}.{name}", f"is measured only if the task names it: {advice}")


def _together_problems(reading: Reading, task: Task) -> Iterator[Problem]:
    """Yield why the task cannot be trained on several GPUs together."""
    cluster = reading.section(ClusterSection, "cluster")
    if cluster and cluster.gpus_per_trial > 1 and isinstance(task, OwnFit):
        advice = "the task's fit trains by itself, on one GPU, and the others would stand idle; legal: at most 1"
        yield Problem("cluster.gpus_per_trial", f"{cluster.gpus_per_trial:g}: {advice}")


def _processor_problems(reading: Reading) -> Iterator[Problem]:
    """Yield what is asked of this machine's processors beyond their number; those of a cluster are not known."""
    cluster = reading.section(ClusterSection, "cluster")
    if cluster is None or cluster.address != "local":
        return
    have = processors()
    asked = {"cluster.cpus_per_trial": cluster.cpus_per_trial}
    asked |= {f"{each.where}.threads": each.section.threads for each in reading.targets}
    for where, count in asked.items():
        if count > have and where not in reading.wrong:
            yield Problem(where, beyond(count, have))


def _device_problems(reading: Reading) -> Iterator[Problem]:
    """Yield what keeps this machine from measuring on a target's device; those of a cluster are not known."""
    cluster = reading.section(ClusterSection, "cluster")
    if cluster is None or cluster.address != "local":
        return
    told: dict[tuple[str, str], str | None] = {}
    for each in reading.targets:
        if not each.is_known:
            continue
        kind = each.section.runtime, each.section.device
        if kind not in told:  # looking takes seconds
            told[kind] = device_problem(each.section.value())
        if problem := told[kind]:
            yield Problem(f"{each.where}.device", problem)


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
