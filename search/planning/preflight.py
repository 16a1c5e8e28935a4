"""Problems of a sweep's task and store that can be found before any trial starts."""

from __future__ import annotations

from pipelines import Task, load_task
from pipelines.preflight import preflight as task_problems
from pipelines.store import Remote
from search.config.sweep_config import SweepConfig
from spaces import InputError


def preflight(config: SweepConfig) -> Task:
    """Try the task with all networks and techniques of the space, and reach a store behind a URL.

    Returns:
        The task.

    Raises:
        InputError: everything found wrong with them.
    """
    task = load_task(config.task.use, config.task.args)
    problems = task_problems(task, config.space)
    if config.store.url:
        try:
            Remote(config.store.url).check()
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return task
