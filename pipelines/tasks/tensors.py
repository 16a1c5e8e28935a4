"""The inputs and the outputs of a network as one form: a flat tuple of tensors, each of which may have a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from pipelines.tasks.input_names import input_names


class Tensors(tuple[Tensor, ...]):
    """A tuple of tensors with names: ``each.logits``, ``each["logits"]`` and ``each[0]`` give the same one.

    Args:
        names: One for each tensor.
        tensors: In the same order.
    """

    names: tuple[str, ...]

    def __new__(cls, names: Iterable[str], tensors: Iterable[Tensor]) -> Tensors:
        """A tuple of `tensors` that knows their `names`."""
        made = super().__new__(cls, tensors)
        made.names = tuple(names)
        return made

    @overload  # type: ignore[override]
    def __getitem__(self, key: str | int) -> Tensor: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Tensor, ...]: ...
    def __getitem__(self, key: str | int | slice) -> Tensor | tuple[Tensor, ...]:
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"{key!r}; there are {', '.join(self.names)}")
            key = self.names.index(key)
        return super().__getitem__(key)

    def __getattr__(self, name: str) -> Tensor:
        if name == "names" or name not in self.names:
            raise AttributeError(f"no output {name!r}; there are {', '.join(vars(self).get('names', ()))}")
        return self[name]

    def __reduce__(self) -> tuple[Any, ...]:
        return (Tensors, (self.names, tuple(self)))


pytree.register_pytree_node(
    Tensors,
    lambda given: (list(given), given.names),
    lambda values, names: Tensors(names, values),
    serialized_type_name="pipelines.tasks.tensors.Tensors",
)

Inputs = Tensor | tuple[Tensor, ...] | Mapping[str, Tensor]
"""What a network is called with: one tensor, a tuple of its positional arguments, or its arguments by name; batch
first."""

Targets = Tensor | Sequence[Tensor] | Mapping[str, Tensor]
"""What the loss and the score of a task compare outputs with: one tensor, or several, batch first."""

Outputs = Tensor | Tensors
"""What a network gives: one tensor, or several of which the scored one comes first."""


def as_tuple(inputs: Inputs) -> tuple[Tensor, ...]:
    """`inputs` as a flat tuple, with names if it has names: copies, as a network may change them in place.

    Inputs by name come in the order of their names, whatever order a batch has them in.
    """
    return mapped(inputs, lambda x: x.clone())


def to_batch(inputs: Inputs, size: int) -> tuple[Tensor, ...]:
    """`inputs` with its first example repeated to `size` examples."""
    return mapped(inputs, lambda x: x[:1].expand(size, *x.shape[1:]).contiguous().clone())


def first(inputs: Inputs, size: int | None) -> tuple[Tensor, ...]:
    """The first `size` examples of `inputs`, all when None."""
    return mapped(inputs, lambda x: x[:size].clone())


def move(inputs: Inputs, device: torch.device) -> tuple[Tensor, ...]:
    """Copies of `inputs` on `device`, see `as_tuple`."""
    return mapped(inputs, lambda x: x.to(device, non_blocking=True, copy=True))


def mapped(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> tuple[Tensor, ...]:
    """The tensors of `inputs`, each changed, as a flat tuple with the names that it has."""
    if isinstance(inputs, Mapping):
        inputs = Tensors(sorted(inputs), [inputs[name] for name in sorted(inputs)])
    if isinstance(inputs, Tensors):
        return Tensors(inputs.names, map(change, inputs))
    return tuple(change(x) for x in (inputs if isinstance(inputs, (tuple, list)) else (inputs,)))


def parts(inputs: object) -> list[Any]:
    """What a person gives as inputs, one by one, whatever it is."""
    if isinstance(inputs, Mapping):
        return [inputs[name] for name in sorted(inputs)]
    return list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]


def names_of(inputs: object) -> tuple[str, ...] | None:
    """The names of the tensors in the order of `parts`; None if they have none."""
    if isinstance(inputs, Mapping):
        return tuple(sorted(inputs))
    return inputs.names if isinstance(inputs, Tensors) else None


def names_in_file(inputs: object) -> tuple[str, ...]:
    """The names that `inputs` have in an exported file: their own, or those of `input_names`."""
    return names_of(inputs) or tuple(input_names(len(parts(inputs))))


def outputs_of(given: object) -> Outputs | None:
    """What a network gave, flat: a tensor as it is, and of a mapping, dataclass, tuple or list the tensors in it.

    Their names are the keys, joined with ``.`` where one lies within another; ``output_0``, … in a tuple or list
    without names. What is no tensor, such as None or a cache, is left out. One tensor stands for itself.

    Returns:
        The tensors; None if there are none.
    """
    if isinstance(given, Tensor):
        return given
    found = dict(_leaves(given, ""))
    if len(found) == 1:
        return next(iter(found.values()))
    return Tensors(found, found.values()) if found else None


def _leaves(given: object, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(given, Tensor):
        yield path, given
    elif isinstance(given, Mapping):
        for key, value in given.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(given, (tuple, list)):
        names: Sequence[str] = getattr(given, "_fields", None) or getattr(given, "names", None) or ()
        for index, value in enumerate(given):
            own = names[index] if names else f"output_{index}" if not path else str(index)
            yield from _leaves(value, f"{path}.{own}" if path else own)
    elif hasattr(given, "__dataclass_fields__"):
        for key in given.__dataclass_fields__:
            yield from _leaves(getattr(given, key), f"{path}.{key}" if path else key)


def on(targets: Targets, device: torch.device) -> Targets:
    """`targets` in the form that they have, on `device`."""
    moved: Targets = pytree.tree_map(lambda x: x.to(device), targets)
    return moved


def examples_in(targets: Targets) -> int:
    """How many examples `targets` are of."""
    return len(pytree.tree_leaves(targets)[0])


def scored(outputs: Outputs) -> Tensor:
    """The tensor of `outputs` that is scored: the first one."""
    return outputs if isinstance(outputs, Tensor) else outputs[0]


def joined(outputs: Outputs) -> Tensor:
    """All numbers of `outputs` in one tensor, to compare them: the one tensor as it is, several as one row."""
    return outputs if isinstance(outputs, Tensor) else torch.cat([x.flatten() for x in outputs])
