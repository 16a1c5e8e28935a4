"""A task: the networks and the data that a person brings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.hooks import HOOKS, OwnLoss, OwnScore, is_value, misspelt
from pipelines.tasks.module import clash, import_module, undisturbed
from spaces import InputError, illegal

Split = Literal["train", "calibration", "validation", "test"]
Inputs = Tensor | tuple[Tensor, ...]
"""What a network is called with: one tensor, or a tuple of its positional arguments; batch first."""
Batch = tuple[Inputs, Tensor]

BUILT_IN: Mapping[str, str] = {"digits": "pipelines.tasks.digits:Digits"}
"""The tasks that can be used by a short name."""

METHODS = ("teacher", "student", "batches", "example_input")
"""The methods that a task must have; `pipelines.tasks.hooks` has those that it may have besides."""

IGNORED = -100
"""The label that does not count: what ``torch.nn.functional.cross_entropy`` leaves out."""


class Task(Protocol):
    """The protocol of a person's task; `pipelines.tasks.hooks` has what it may offer besides.

    ``student`` may have a second argument called ``width``: students that are narrower too, ``width`` being the share
    of the full width, above 0 and at most 1; it raises ValueError for a width that does not exist.
    """

    def teacher(self) -> nn.Module:
        """The uncompressed network, trained by Paredown unless ``training.teacher_epochs`` is 0."""

    def student(self, depth: int) -> nn.Module:
        """A fresh network of the given depth; raises ValueError for a depth that does not exist."""

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
    module = import_module(module_name, use)
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls):
        classes = [name for name, value in vars(module).items() if inspect.isclass(value)]
        raise InputError.at("task.use", f"in module {module_name}, {illegal(class_name, classes)}")
    task = _made(cls, args or {})
    if missing := [name for name in METHODS if not hasattr(task, name)]:
        slips = {name: f" (is {slip} meant?)" for name, slip in misspelt(task, missing).items()}
        named = ", ".join(f"{name}{slips.get(name, '')}" for name in missing)
        raise InputError.at("task.use", f"{cls.__name__} has no method {named}; see docs/tasks.md")
    if values := [name for name in (*METHODS, *HOOKS) if is_value(task, name)]:
        raise InputError.at(
            "task.use", f"{cls.__name__} has a value, not a method: {', '.join(values)}; see docs/tasks.md"
        )
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


def takes_width(task: Task) -> bool:
    """Return True if the task's students come in several widths."""
    return "width" in inspect.signature(task.student).parameters


def make_student(task: Task, depth: int, width: float = 1) -> nn.Module:
    """A fresh student of `depth` and of that share of the full width.

    Raises:
        ValueError: the task has no such student.
    """
    if takes_width(task):
        return cast(Any, task).student(depth, width=width)  # type: ignore[no-any-return]
    if width != 1:
        raise ValueError(
            f"{type(task).__name__}.student takes no width; write: def student(self, depth, width=1.0), "
            "or leave student.width at 1"
        )
    return task.student(depth)


def loss_of(task: Task) -> Callable[[Tensor, Tensor], Tensor]:
    """The task's own ``loss``, or cross-entropy."""
    return task.loss if isinstance(task, OwnLoss) else functional.cross_entropy


def has_own_score(task: Task) -> bool:
    """Return True if `task` says itself how good outputs are: what its best score is then, nobody knows."""
    return isinstance(task, OwnScore)


def score_of(task: Task) -> Callable[[Tensor, Tensor], Tensor]:
    """The task's own ``score``, or top-1 correctness: one number per example."""
    return task.score if isinstance(task, OwnScore) else top1


def top1(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of each example's labels that are the largest of `outputs`: 0 or 1 where there is one label.

    Labels of `IGNORED` do not count, as in cross-entropy; an example that has no other is left out.

    Args:
        outputs: Shape (N, classes) or (N, classes, positions …).
        targets: Shape (N,) or (N, positions …).

    Returns:
        One number per example, shape (examples that count,).
    """
    counted = (targets != IGNORED).reshape(len(targets), -1)
    right = (outputs.argmax(dim=1) == targets).reshape(len(targets), -1) & counted
    labels = counted.sum(1)
    return (right.sum(1) / labels)[labels > 0]


def as_tuple(inputs: Inputs) -> tuple[Tensor, ...]:
    """`inputs` as the tuple of a network's positional arguments: copies, as a network may change them in place."""
    return tuple(x.clone() for x in (inputs if isinstance(inputs, (tuple, list)) else (inputs,)))


def to_batch(inputs: Inputs, size: int) -> tuple[Tensor, ...]:
    """`inputs` with its first example repeated to `size` examples."""
    return tuple(x[:1].expand(size, *x.shape[1:]).contiguous() for x in as_tuple(inputs))


def move(inputs: Inputs, device: torch.device) -> tuple[Tensor, ...]:
    """Copies of `inputs` on `device`, see `as_tuple`."""
    given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    return tuple(x.to(device, non_blocking=True, copy=True) for x in given)
