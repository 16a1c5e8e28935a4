"""Problems of a person's task that can be found before any trial starts."""

from __future__ import annotations

from pipelines.preflight.batches import batch_problems
from pipelines.preflight.example import example_problem
from pipelines.preflight.networks import make_networks
from pipelines.preflight.techniques import teaching_problems, technique_problems
from pipelines.tasks.task import Task
from spaces import Problem, SearchSpace


def preflight(task: Task, space: SearchSpace) -> list[Problem]:
    """Make the teacher and every student of `space`, and call each with the example input; draw one batch per split.

    Every technique of the space is asked whether it can work on these networks.

    Returns:
        Everything found wrong with them, by the place in a sweep's file; whatever the task raises is such a problem.
    """
    problems: list[Problem] = []
    if message := example_problem(task):
        # Every network would only repeat it.
        problems.append(Problem("task.use", message))
    else:
        networks = make_networks(task, space, problems)
        problems += technique_problems(task, space, networks)
        problems += teaching_problems(task, space, networks)
    problems += batch_problems(task)
    return problems


__all__ = ["preflight"]
