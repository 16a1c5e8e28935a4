"""Whether a network that was changed still computes what it should."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.tasks.task import Inputs, as_tuple


def check_shape(model: nn.Module, example: Inputs, expected: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """The shape of what `model` gives for `example`.

    Raises:
        TrialFailed: it is not `expected`.
    """
    with torch.no_grad():
        shape = tuple(model(*as_tuple(example)).shape)
    if expected not in (None, shape):
        raise TrialFailed(f"the pruned network gives {list(shape)} instead of {list(expected or ())}")
    return shape


def probe(example: Inputs) -> tuple[Tensor, ...]:
    """Inputs like `example`, with noise in place of numbers; whole numbers may be indices, and stay."""
    noise = torch.Generator().manual_seed(0)
    return tuple(torch.randn(x.shape, generator=noise) if x.is_floating_point() else x for x in as_tuple(example))


def outputs(model: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    """What `model` gives for `inputs`, without gradients."""
    with torch.no_grad():
        result: Tensor = model(*inputs)
    return result


def is_same(one: Tensor, other: Tensor) -> bool:
    """Whether two networks computed the same, up to rounding."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))
