"""A sweep's file, read and tried: every mistake in it, and in its task, is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines import Task, load_task
from search.config.sweep_config import SweepConfig, parse_config, read_config, read_raw
from search.planning.check import check_sweep
from search.planning.check_process import check_apart
from spaces import InputError, Problem


def read_sweep(path: Path, overrides: Sequence[str] = (), *, here: bool = False) -> tuple[SweepConfig, Task]:
    """Read the sweep's file at `path`, load its task, and try both as far as they can be without a trial.

    Args:
        path: A YAML file.
        overrides: ``key.path=value`` strings that replace or add values; values are YAML.
        here: Try the person's code in this process, which it may end, instead of in one of its own.

    Returns:
        The sweep and its task.

    Raises:
        InputError: everything that is wrong with the file, the overrides, the task or the store, in the file's order.
    """
    raw, problems = read_raw(path, overrides)
    if problems:  # what is meant is not known: nobody waits for it to be tried
        raise InputError(_in_order((*problems, *read_config(raw).problems), raw))
    check = check_sweep(raw) if here or not _is_persons(raw) else check_apart(raw)
    if check.problems:
        raise InputError(_in_order(check.problems, raw))
    config = parse_config(raw)
    task = load_task(config.task.use, config.task.args)
    space = config.space.ruling_out(check.rules)
    if not space.size():
        raise InputError(Problem("space", f"every recipe is ruled out: {rule}") for rule in space.ruled_out())
    return replace(config, space=space, warnings=check.warnings), task


def _is_persons(raw: Mapping[str, Any]) -> bool:
    """Return True if the task is of a module of the person's that another process can import."""
    task = raw.get("task")
    use = task.get("use") if isinstance(task, Mapping) else None
    return isinstance(use, str) and ":" in use and not use.startswith("__main__:")


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
