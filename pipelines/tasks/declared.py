"""The values that a task may declare in its class instead of writing a method: names of losses, scores and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.tasks.losses import DEFAULT, LOSSES
from pipelines.tasks.reading import IGNORED, Reading
from pipelines.tasks.tensors import names_in_file, parts
from spaces import illegal, shown

Axes = Mapping[str, Mapping[int, str]]
"""By the name of an input, its dimensions that are free in the exported file, each with its name."""


def loss_name(task: object) -> str | None:
    """The name of the loss that `task` declares; None if it has one of its own, or none."""
    named = getattr(task, "loss", None)
    return named if isinstance(named, str) else None


def reading_of(task: object) -> Reading:
    """How the outputs of `task` are read: as its loss says, over the dimension ``class_dim`` if it declares that.

    Labels of ``ignore_index`` do not count.

    With a loss and a score of its own nobody knows the dimension of the classes unless it is declared.
    """
    own_loss = loss_name(task) is None and getattr(task, "loss", None) is not None
    named = LOSSES.get(loss_name(task) or DEFAULT.name, DEFAULT)
    unknown = own_loss and getattr(task, "score", None) is not None
    dim: int | None = getattr(task, "class_dim", None)
    ignored: int = getattr(task, "ignore_index", IGNORED)
    return Reading(named.kind, dim if dim is not None else None if unknown else named.dim, ignored)


def score_names(task: object) -> tuple[str, ...]:
    """The names of the scores of a whole split that `task` declares, see `pipelines.scores`."""
    named = getattr(task, "scores", None)
    return (named,) if isinstance(named, str) else tuple(named or ())


def free_axes(task: object) -> Axes:
    """The dimensions of the inputs of `task` that are free in the exported file, besides the batch, by input.

    A task declares ``dynamic_axes = {1: "length"}`` for all its inputs that have so many dimensions, or
    ``{"input_ids": {1: "length"}}`` for each by its name.
    """
    given: Mapping[Any, Any] = getattr(task, "dynamic_axes", None) or {}
    if all(isinstance(value, Mapping) for value in given.values()):
        return {name: dict(axes) for name, axes in given.items()}
    example = task.example_input()  # type: ignore[attr-defined]
    dims = zip(names_in_file(example), [x.dim() for x in parts(example)], strict=True)
    return {name: {axis: word for axis, word in given.items() if axis < dim} for name, dim in dims}


def declared_problems(task: object) -> list[str]:
    """What is wrong with the values that `task` declares, each begun with the value's name."""
    return list(_problems(task))


def _problems(task: object) -> Iterator[str]:
    if (named := loss_name(task)) is not None and named not in LOSSES:
        yield f"loss: {illegal(named, list(LOSSES))}, or a method loss(outputs, targets)"
    dim = getattr(task, "class_dim", None)
    if dim is not None and (isinstance(dim, bool) or not isinstance(dim, int) or dim == 0):
        yield f"class_dim is {shown(dim)}; it is the number of the outputs' dimension over which the classes lie, not 0"
    ignored = getattr(task, "ignore_index", IGNORED)
    if isinstance(ignored, bool) or not isinstance(ignored, int):
        yield f"ignore_index is {shown(ignored)}; it is the label that does not count, such as 255"
    for name in ("outputs", "scores"):
        given = getattr(task, name, None)
        if given is not None and not isinstance(given, str) and not _is_names(given):
            yield f"{name} is {shown(given)}, not a list of names"
    axes = getattr(task, "dynamic_axes", None)
    if axes is not None and not _are_axes(axes):
        yield f'dynamic_axes is {shown(axes)}; write {{1: "length"}}, or the same for each input by its name'
    elif axes and all(isinstance(value, Mapping) for value in axes.values()):
        names = list(names_in_file(task.example_input()))  # type: ignore[attr-defined]
        if wrong := [name for name in axes if name not in names]:
            yield f"dynamic_axes: {illegal(wrong[0], names)}"


def _is_names(given: object) -> bool:
    return isinstance(given, (tuple, list)) and all(isinstance(name, str) for name in given)


def _are_axes(given: object) -> bool:
    if not isinstance(given, Mapping):
        return False
    if given and all(isinstance(value, Mapping) for value in given.values()):
        return all(_are_axes(value) for value in given.values())
    return all(
        isinstance(axis, int) and not isinstance(axis, bool) and axis > 0 and isinstance(word, str)
        for axis, word in given.items()
    )
