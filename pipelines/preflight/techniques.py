"""The techniques of a space, asked whether they can work on a task's networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pipelines.distillers import FEATURES
from pipelines.distillers.teaching import distillation_problem
from pipelines.importances import IMPORTANCES
from pipelines.networks.inheritance import inherit
from pipelines.preflight.networks import Networks
from pipelines.pruners import PRUNERS
from pipelines.quantizers import QUANTIZERS
from pipelines.stages.distil import FEATURE, nothing_inherited
from pipelines.tasks.task import Task
from spaces import NONE, Problem, SearchSpace


def technique_problems(task: Task, space: SearchSpace, networks: Networks) -> Iterator[Problem]:
    """The pruners, importances and quantizers of `space` that cannot work on the teacher; none without a teacher."""
    if (teacher := networks.teacher) is None:
        return
    example = task.example_input()
    questions: dict[str, dict[str, Callable[[], str | None]]] = {
        "pruning.method": {name: partial(pruner.problem, teacher, example) for name, pruner in PRUNERS.items()},
        "pruning.importance": {name: partial(one.problem, teacher) for name, one in IMPORTANCES.items()},
        "quantization.scheme": {name: partial(quantizer.problem, teacher) for name, quantizer in QUANTIZERS.items()},
    }
    for axis, asked in questions.items():
        for name in (str(value) for value in space.used(axis) if value in asked):
            if message := _answer(asked[name]):
                yield Problem(f"space.{axis}", f"{name}: {message}; take it out of the axis")


def teaching_problems(task: Task, space: SearchSpace, networks: Networks) -> Iterator[Problem]:
    """The features that students of `space` cannot learn from the teacher, and weights that they cannot inherit."""
    if (teacher := networks.teacher) is None:
        return
    for (depth, width), student in networks.students.items():
        who = f"student({depth})" if width == 1 else f"student({depth}, width={width:g})"
        for name in (str(value) for value in space.used(FEATURE) if value != NONE):
            if message := _answer(partial(distillation_problem, FEATURES[name], student, teacher, task, depth)):
                yield Problem(f"space.{FEATURE}", f"{name} for {who}: {message}; take it out of the axis")
    for (depth, width), student in networks.students.items():
        # Narrower ones never begin with the teacher's layers. This changes the student, so it comes last.
        if width == 1 and "teacher" in space.used("student.init") and not inherit(student, teacher):
            yield Problem("space.student.init", f"student({depth}): {nothing_inherited(student, teacher)}")


def _answer(ask: Callable[[], str | None]) -> str | None:
    try:
        return ask()
    except Exception as error:  # a person's network may do anything when it is called
        return f"{type(error).__name__}: {error}"
