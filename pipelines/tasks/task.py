"""A task: the networks and the data that a person brings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, cast

from torch import Tensor, nn

from pipelines.tasks.declared import declared_problems, loss_name, reading_of
from pipelines.tasks.derived import redrawn, shallower
from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.hooks import (
    HOOKS,
    METHODS,
    OwnDeploy,
    OwnLoss,
    OwnScore,
    OwnStudent,
    OwnTeachers,
    is_value,
    misspelt,
)
from pipelines.tasks.losses import DEFAULT, LOSSES
from pipelines.tasks.module import clash, import_module, undisturbed
from pipelines.tasks.reading import IGNORED
from pipelines.tasks.served import served
from pipelines.tasks.tensors import Inputs, Outputs, Targets, as_tuple, first, move, scored, to_batch
from spaces import InputError, Value, illegal

Split = Literal["train", "calibration", "validation", "test"]
Batch = tuple[Inputs, Targets]

BUILT_IN: Mapping[str, str] = {
    "digits": "pipelines.tasks.digits:Digits",
    "hf-image": "pipelines.tasks.hf_image:HfImage",
    "hf-text": "pipelines.tasks.hf_text:HfText",
    "timm": "pipelines.tasks.timm_images:TimmImages",
}
"""The tasks that can be used by a short name."""

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
"""The kinds of arguments that can be given by name."""

TEACHER = "teacher"
"""The name of the teacher that everything is compared with; other teachers have names of their own."""


class Task(Protocol):
    """The protocol of a person's task; `pipelines.tasks.hooks` has what it may offer besides."""

    def teacher(self) -> nn.Module:
        """The uncompressed network, trained by Paredown unless ``training.teacher_epochs`` is 0."""

    def batches(self, split: Split) -> Iterable[Batch]:
        """The batches of a split; called once for each pass. Only ``train`` may come in a random order."""

    def example_input(self) -> Inputs:
        """One input, batch dimension included: its shape is what the network is exported with."""


def load_task(use: str, args: Mapping[str, Any] | None = None) -> Task:
    """Make the task called `use`: a built-in name, or ``package.module:ClassName`` (the current folder counts).

    Args:
        use: Which class.
        args: Its keyword arguments.

    Raises:
        InputError: there is no such class, it refuses the arguments, or it lacks a method.
    """
    path = BUILT_IN.get(use, use)
    if ":" not in path:
        raise InputError.at("task.use", f"{illegal(use, list(BUILT_IN))}, or package.module:ClassName")
    module_name, _, class_name = path.partition(":")
    if module_name.endswith(".py") or not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        form = "is not of the form package.module:ClassName; for the class Mine of a file mine.py write mine:Mine"
        raise InputError.at("task.use", f"{use!r} {form}")
    # What comes with Paredown does not change while it runs, and what it imports need not be looked through.
    module = importlib.import_module(module_name) if use in BUILT_IN else import_module(module_name, use)
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls):
        classes = [name for name, value in vars(module).items() if inspect.isclass(value)]
        raise InputError.at("task.use", f"in module {module_name}, {illegal(class_name, classes)}")
    task = _made(cls, args or {})
    if fault := _unreadable(task):
        raise InputError.at("task.use", f"{cls.__name__}.{fault}")
    if missing := [name for name in METHODS if not hasattr(task, name)]:
        slips = {name: f" (is {slip} meant?)" for name, slip in misspelt(task, missing).items()}
        named = ", ".join(f"{name}{slips.get(name, '')}" for name in missing)
        raise InputError.at("task.use", f"{cls.__name__} has no method {named}; see docs/tasks.md")
    if values := [
        name for name in (*METHODS, *HOOKS) if is_value(task, name) and not (name == "loss" and loss_name(task))
    ]:
        raise InputError.at(
            "task.use", f"{cls.__name__} has a value, not a method: {', '.join(values)}; see docs/tasks.md"
        )
    if wrong := declared_problems(task):
        raise InputError.at("task.use", "; ".join(f"{cls.__name__}.{each}" for each in wrong))
    return cast(Task, task)


def _made(cls: type, args: Mapping[str, Any]) -> object:
    """An instance of `cls`.

    Raises:
        InputError: it refuses `args`, or fails.
    """
    try:
        with undisturbed(cls.__module__):
            return cls(**args)
    except (TypeError, ValueError, OSError) as error:
        raise InputError.at(
            "task.args", f"{cls.__name__}{inspect.signature(cls)} refused them: {told(error)}"
        ) from error
    except InputError:
        raise
    except FAULTS as error:
        raise InputError.at("task.use", f"{cls.__name__}(): {told(error)}{clash(error)}") from error


def _unreadable(task: object) -> str:
    """Return the first of the methods and hooks that `task` has and that cannot be read, as properties may fail."""
    for name in (*METHODS, *HOOKS):
        try:
            getattr(task, name, None)
        except FAULTS as error:
            return f"{name}: {told(error)}"
        if not hasattr(task, name) and any(name in vars(cls) for cls in type(task).__mro__):
            return f"{name} is declared, but reading it raises an AttributeError"
    return ""


def takes_width(task: Task) -> bool:
    """Return True if the task's students come in several widths."""
    return isinstance(task, OwnStudent) and "width" in inspect.signature(task.student).parameters


def own_parameters(task: Task) -> tuple[str, ...]:
    """The names of what the task's ``student`` can be told besides depth and width, in its order."""
    if not isinstance(task, OwnStudent):
        return ()
    _, *others = inspect.signature(task.student).parameters.values()
    return tuple(each.name for each in others if each.name != "width" and each.kind in NAMED)


def own_problem(task: Task, name: str) -> str | None:
    """Return why the task's ``student`` cannot be told `name`, or None if it can be."""
    if name in (own := own_parameters(task)):
        return None
    legal = ["depth", "width", "init", *own]
    return f"{illegal(name, legal)}: what student of {type(task).__name__} has as arguments"


def make_student(task: Task, depth: int, width: float = 1, **own: Value) -> nn.Module:
    """A fresh student of `depth` and of that share of the full width: the task's own, or one derived from its teacher.

    Args:
        task: Has the student.
        depth: Its depth.
        width: The share of the full width.
        own: What else the task's ``student`` is told.

    Raises:
        ValueError: the task has no such student.
    """
    if problem := next((problem for name in own if (problem := own_problem(task, name))), None):
        raise ValueError(problem)
    if takes_width(task):
        return served(cast(Any, task).student(depth, width=width, **own), task)
    if width != 1:
        raise ValueError(
            f"{type(task).__name__}.student takes no width; write: def student(self, depth, width=1.0), "
            "or leave student.width at 1"
        )
    if isinstance(task, OwnStudent):
        return served(cast(Any, task).student(depth, **own), task)
    return shallower(redrawn(make_teacher(task)), depth, as_tuple(task.example_input()))


def make_teacher(task: Task, name: str = TEACHER) -> nn.Module:
    """A fresh teacher, called and answering as `pipelines.tasks.served.Served` says.

    Args:
        task: Has the teacher.
        name: Which of its teachers.

    Raises:
        ValueError: the task has no teacher called so.
    """
    if name == TEACHER:
        return served(task.teacher(), task)
    others = other_teachers(task)
    if name not in others:
        raise ValueError(f"{illegal(name, [TEACHER, *others])}: what teachers() of {type(task).__name__} names")
    return served(others[name](), task)


def teacher_call(name: str) -> str:
    """The call that makes the teacher called `name`, for people."""
    return "teacher()" if name == TEACHER else f"teachers()[{name!r}]"


def other_teachers(task: Task) -> Mapping[str, Callable[[], nn.Module]]:
    """The functions that make the task's further teachers, by their names; none if it has none.

    Raises:
        ValueError: they are no functions by names, or one has the name of the first teacher.
    """
    given: object = task.teachers() if isinstance(task, OwnTeachers) else {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) and callable(given[name]) for name in given):
        raise ValueError('teachers() must give functions that make networks, by name: {"large": lambda: …}')
    if TEACHER in given:
        raise ValueError(f"teachers() has one called {TEACHER}: that is what teacher() makes")
    return given


def deployed(network: nn.Module, task: Task) -> nn.Module:
    """`network` in the form in which it ships: the task's own ``deploy`` of it, or the network as it is."""
    return served(task.deploy(network), task) if isinstance(task, OwnDeploy) else network


def loss_of(task: Task) -> Callable[[Outputs, Any], Tensor]:
    """The task's own ``loss``, the one that it names, or cross-entropy.

    One of its own is given all that the network gives, others the output that is scored.
    """
    if isinstance(task, OwnLoss) and loss_name(task) is None:
        return task.loss
    named, reading = LOSSES[loss_name(task) or DEFAULT.name], reading_of(task)
    return lambda outputs, targets: named.function(scored(outputs), targets, reading)


def has_own_score(task: Task) -> bool:
    """Return True if nobody knows what the best score of `task` is: it has one of its own, or predicts numbers."""
    return isinstance(task, OwnScore) or reading_of(task).kind == "numbers"


def score_of(task: Task) -> Callable[[Outputs, Any], Tensor]:
    """The task's own ``score``, or the one that suits its loss, such as top-1 correctness: one number per example."""
    if isinstance(task, OwnScore):
        return task.score
    named, reading = LOSSES[loss_name(task) or DEFAULT.name], reading_of(task)
    return lambda outputs, targets: named.each(scored(outputs), targets, reading)


__all__ = [
    "BUILT_IN",
    "IGNORED",
    "METHODS",
    "TEACHER",
    "Batch",
    "Inputs",
    "Outputs",
    "Split",
    "Task",
    "as_tuple",
    "deployed",
    "first",
    "has_own_score",
    "load_task",
    "loss_of",
    "make_student",
    "make_teacher",
    "move",
    "other_teachers",
    "own_parameters",
    "own_problem",
    "score_of",
    "takes_width",
    "teacher_call",
    "to_batch",
]
