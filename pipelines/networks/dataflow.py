"""The flow of a network's data: which axes its parameters and buffers have, and which of them are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pipelines.networks.axes import PARTS, Axis, Dim, Mismatch, fix, fresh, resolved, size_of, unify
from pipelines.networks.operators import OPERATORS
from pipelines.networks.rules.elements import of_elements
from pipelines.networks.rules.rule import POSITIONS

Call = tuple[str, int]
"""The name of an operator, and which of its calls."""

OF_INPUT = "it is the network's input"
OF_OUTPUT = "it is the network's output"
SILENT = (OF_INPUT, OF_OUTPUT, POSITIONS, PARTS)
"""Why axes are fixed that nobody would cut: these reasons go without saying."""


class Dataflow(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows one call of a network, operator by operator, and one in training if that may read other parameters.

    Args:
        model: In evaluation mode, on the CPU; it stays as it is, but for what it notes of calls in training.
        inputs: What it is called with.

    Attributes:
        leaves: By the name of each parameter and buffer that was read, the dimensions that it has.
        statistics: By the call of each operator that takes statistics, the dimensions of its input that it takes
            them over; see `pipelines.pruners.check`.
        trains_more: Whether a call leaves parameters out, such as those of a head that only serves training.
        groups: By the name of a convolution's weight, the groups.
        sizes: The numbers of entries that each axis has in products with its neighbours, such as all heads' widths.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.leaves: dict[str, tuple[Dim, ...]] = {}
        self.statistics: dict[Call, dict[int, Dim]] = {}
        self.groups: dict[str, Dim] = {}
        self.operator = ""
        self._calls = Counter[str]()
        self._seen: list[Dim] = []
        self._names = {id(tensor): name for name, tensor in (*model.named_buffers(), *model.named_parameters())}
        self._dims: dict[int, tuple[Dim, ...]] = {}
        self._active: set[int] = set()
        self._alive: list[Tensor] = []
        for tensor in inputs:
            self.give(tensor, [fresh(size, OF_INPUT) for size in tensor.shape])
            self._active.add(id(tensor))
        self._follow(model, inputs)
        self.trains_more = any(name not in self.leaves for name, _ in model.named_parameters())
        if self.trains_more:
            with suppress(Exception):  # a person's network may not take one example in training
                self._follow(model.train(), inputs)
            model.eval()

    def _follow(self, model: nn.Module, inputs: Sequence[Tensor]) -> None:
        with self:
            result = model(*inputs)
        for tensor in _tensors((result,)):
            for dim in self.dims(tensor):
                fix(dim, OF_OUTPUT)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.operator = name = func.overloadpacket.__name__
        self._calls[name] += 1
        given = _tensors((*args, *(kwargs or {}).values()))
        made = _tensors((result,))
        is_elementwise = torch.Tag.pointwise in func.tags
        rule = OPERATORS.get(name) or (of_elements if is_elementwise else None)
        try:
            if rule is None:
                raise Mismatch
            rule(self, args, dict(kwargs or {}), result)
        except Mismatch:
            self.lose(given, made)
        for tensor in made:
            if id(tensor) not in self._dims:
                self.give(tensor, [fresh(size) for size in tensor.shape])
        if any(id(tensor) in self._active for tensor in given):
            self._active |= {id(tensor) for tensor in made}
        return result

    def dims(self, tensor: Tensor) -> tuple[Dim, ...]:
        """The dimensions of `tensor`."""
        if id(tensor) not in self._dims:
            name = self._names.get(id(tensor))
            reason = "" if name else "a constant that is neither a parameter nor a buffer has it"
            self.give(tensor, [fresh(size, reason) for size in tensor.shape])
            if name:
                self.leaves[name] = self._dims[id(tensor)]
        return self._dims[id(tensor)]

    def give(self, tensor: Tensor, dims: Sequence[Dim]) -> None:
        """Note the dimensions of `tensor`.

        Raises:
            Mismatch: they are of other sizes.
        """
        if [size_of(dim) for dim in dims] != list(tensor.shape):
            raise Mismatch
        self._dims[id(tensor)] = tuple(dims)
        self._alive.append(tensor)
        self._seen += [dim for dim in dims if len(dim) > 1]

    def same(self, one: Dim, other: Dim) -> None:
        """Note that two dimensions have the same entries; where they cannot, none of them can go."""
        try:
            unify(one, other)
        except Mismatch:
            self.stop((*one, *other))

    def stop(self, dim: Dim) -> None:
        """Note that no entry of `dim` can go, because of the operator at hand."""
        fix(dim, f"the operator {self.operator} moves or mixes its channels")

    def lose(self, given: Sequence[Tensor], made: Sequence[Tensor]) -> None:
        """Note that nothing is known of what the operator at hand does."""
        for tensor in made:
            if id(tensor) not in self._dims:
                self.give(tensor, [fresh(size) for size in tensor.shape])
        for tensor in (*given, *made):
            for dim in self.dims(tensor):
                self.stop(dim)

    def depends_on_input(self, *tensors: Tensor) -> bool:
        """Return True if all of `tensors` follow from the network's input."""
        return all(id(tensor) in self._active for tensor in tensors)

    def name_of(self, tensor: Tensor) -> str | None:
        """The name of `tensor` if it is a parameter or buffer."""
        return self._names.get(id(tensor))

    def takes_statistics(self, dims: Mapping[int, Dim]) -> None:
        """Note that the operator at hand takes statistics over these dimensions of its first input, by position."""
        self.statistics[self.operator, self._calls[self.operator]] = dict(dims)

    def products(self, axis: Axis) -> set[int]:
        """The sizes that dimensions have which begin or end, as products, anywhere around `axis`."""
        found = {axis.size}
        for dim in {tuple(resolved(one)) for one in (*self._seen, *(d for dims in self.leaves.values() for d in dims))}:
            if axis in dim:
                at = dim.index(axis)
                for begin in range(at + 1):
                    for end in range(at + 1, len(dim) + 1):
                        found.add(size_of(dim[begin:end]))
        return found


def _tensors(values: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += _tensors(value)
    return found
