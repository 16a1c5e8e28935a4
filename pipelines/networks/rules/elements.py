"""Operators that work element by element, or make tensors of nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pipelines.networks.axes import Dim, fresh, mark, size_of
from pipelines.networks.rules.rule import Rule

if TYPE_CHECKING:
    from pipelines.networks.dataflow import Dataflow


def of_elements(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """Operators that work element by element, with broadcasting."""
    given = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
    made = result if isinstance(result, Tensor) else result[0]
    dims: list[Dim] = [() for _ in made.shape]
    if any(made is x for x in given):
        dims = list(flow.dims(made))
    for x in given:
        for place, dim in enumerate(reversed(flow.dims(x)), 1):
            if not dim or place > len(dims):
                continue
            if dims[-place]:
                flow.same(dims[-place], dim)
            else:
                dims[-place] = dim
    dims = [dim if size_of(dim) == size else fresh(size) for dim, size in zip(dims, made.shape, strict=True)]
    for each in (made,) if isinstance(result, Tensor) else result:
        flow.give(each, dims)


def _add(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    of_elements(flow, args, kwargs, result)
    if isinstance(args[0], Tensor) and isinstance(args[1], Tensor) and flow.depends_on_input(args[0], args[1]):
        for dim in flow.dims(result):
            mark(dim, "added")


def _made(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
    flow.give(result, [fresh(size) for size in result.shape])


def _kept(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """Operators along a dimension that give what has the same entries, such as softmax."""
    made = result if isinstance(result, Tensor) else result[0]
    flow.give(made, flow.dims(args[0]))


def _cumulative(flow: Dataflow, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
    """Operators that give to an entry what those before it have, too."""
    dims = flow.dims(args[0])
    flow.stop(dims[args[1]])
    for each in (result,) if isinstance(result, Tensor) else result:
        flow.give(each, dims)


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("add", "add_"), _add),
    **dict.fromkeys(("clone", "detach", "alias", "lift_fresh", "contiguous", "_to_copy", "copy_", "native_dropout",
                     "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "fill", "masked_fill",
                     "masked_fill_", "zero_", "fill_", "where", "bernoulli", "_prelu_kernel",
                     "hardswish", "hardswish_", "hardtanh", "hardtanh_", "hardsigmoid_", "leaky_relu_", "silu_",
                     "elu_", "mish_", "relu6", "as_strided_"), of_elements),
    **dict.fromkeys(("arange", "zeros", "ones", "full", "empty", "new_zeros", "new_ones", "new_full", "new_empty",
                     "scalar_tensor", "linspace", "eye", "tril_indices", "triu_indices"), _made),
    **dict.fromkeys(("_softmax", "_safe_softmax", "_log_softmax", "tril", "triu"), _kept),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"), _cumulative),
}  # fmt: skip
"""By the name of the operator in ATen."""
