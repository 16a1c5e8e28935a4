"""An average of the weights that a training passes through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of the floating-point parameters and buffers of `model`.

    The decay grows from 1/10 to what is asked for, so that short trainings do not end near where they began: after t
    steps it is (1 + t) / (10 + t) at most.

    Source: B. Polyak, A. Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; the growth is that of
    TensorFlow's ``ExponentialMovingAverage``.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay, self._steps = decay, 0
        tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        self._current = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
        self._average = {name: tensor.detach().clone() for name, tensor in self._current.items()}

    def update(self) -> None:
        """Take in the weights as they are after one more step."""
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        self._steps += 1
        with torch.no_grad():
            current = [tensor.detach() for tensor in self._current.values()]
            torch._foreach_lerp_(list(self._average.values()), current, 1 - decay)

    def apply(self) -> None:
        """Give the network the averages."""
        with torch.no_grad():
            for name, tensor in self._current.items():
                tensor.copy_(self._average[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it the network has the averages; afterwards what it had."""
        kept = {name: tensor.detach().clone() for name, tensor in self._current.items()}
        self.apply()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, tensor in self._current.items():
                    tensor.copy_(kept[name])

    def state(self) -> dict[str, Any]:
        """Return what is remembered from step to step."""
        return {"average": dict(self._average), "steps": self._steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._steps = int(state["steps"])
        for name, tensor in self._average.items():
            tensor.copy_(state["average"][name])


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of `model` by name, those too that a file of its weights would leave out."""
    return {**{n: t.detach() for n, t in model.named_parameters()}, **{n: t.detach() for n, t in model.named_buffers()}}
