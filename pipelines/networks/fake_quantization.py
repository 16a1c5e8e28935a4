"""A network in training that rounds its weights and activations as its int8 file will."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

Convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
WEIGHTS: tuple[tuple[type[nn.Module] | tuple[type[nn.Module], ...], str], ...] = (
    (Convolution, "weight"),
    (nn.Linear, "weight"),
    (nn.MultiheadAttention, "in_proj_weight"),
)
"""The layers whose weights and inputs are rounded, and where their weights are."""

WEIGHT_STEPS = 64
"""Weights are rounded to -64…64 times their scale: 7 bits, as `StaticInt8` stores them."""

ACTIVATION_STEPS = 255
MOMENTUM = 0.01


class FakeQuantization:
    """While it lasts, `model` computes with rounded weights and inputs of its layers; gradients pass the rounding.

    Weights are symmetric, activations asymmetric. A convolution's weight is rounded with the factors of the batch
    normalization after it, as the export folds the one into the other; normalization uses its running statistics and
    leaves them, so that what is trained is what is exported. Ranges of activations come from `calibrate`, and follow
    slowly while the network trains. Afterwards nothing of it is left in the network but the weights.

    Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018, section 3; R. Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference",
    2018, on freezing the statistics of batch normalization.

    Args:
        model: The network.
        example: What it is called with.
        per_channel: One scale per output channel of a weight, or one per weight.
    """

    def __init__(self, model: nn.Module, example: tuple[Tensor, ...], *, per_channel: bool) -> None:
        self._model = model
        self._example = example
        self._per_channel = per_channel
        self._ranges: list[_Range] = []
        self._rounded: list[tuple[nn.Module, str]] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> FakeQuantization:
        norms = _norms_after(self._model, self._example)
        for module in self._model.modules():
            if isinstance(module, _BatchNorm):
                self._hooks.append(module.register_forward_pre_hook(_freeze))
        for module, name in _weights(self._model):
            weight = _RoundedWeight(self._per_channel, norms.get(module))
            parametrize.register_parametrization(module, name, weight, unsafe=True)
            self._rounded.append((module, name))
            self._ranges.append(_Range(weight))
            self._hooks.append(module.register_forward_pre_hook(self._ranges[-1].hook, with_kwargs=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        for module, name in self._rounded:
            parametrize.remove_parametrizations(module, name, leave_parametrized=False)

    def calibrate(self, inputs: Iterable[tuple[Tensor, ...]]) -> None:
        """Take the smallest and largest activations of the network without rounding, as `find_ranges` does.

        The network keeps its place and mode.
        """
        training, device = self._model.training, next(self._model.parameters()).device
        self._model.eval()
        for known in self._ranges:
            known.observe(True)
        with torch.no_grad():
            for batch in inputs:
                self._model(*(x.to(device) for x in batch))
        for known in self._ranges:
            known.observe(False)
        self._model.train(training)


class _RoundedWeight(nn.Module):
    """The parametrization of a weight, output channels first, which also holds the range of its layer's inputs."""

    low: Tensor
    high: Tensor

    def __init__(self, per_channel: bool, norm: nn.Module | None) -> None:
        super().__init__()
        self.rounds = True
        # As buffers of the network they are part of its state, from which a training goes on.
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self._per_channel = per_channel
        self._norm = [norm]  # in a list it does not become a part of the network

    def forward(self, weight: Tensor) -> Tensor:
        if not self.rounds:
            return weight
        gain = self._gain(weight)
        folded = weight * gain
        others = tuple(range(1, weight.ndim))
        largest = folded.detach().abs()
        largest = largest.amax(dim=others) if self._per_channel else largest.amax()
        scale = torch.where(largest > 0, largest / WEIGHT_STEPS, 1.0)
        if self._per_channel:
            # Whole numbers would be looked at by the host, which waits for a GPU then.
            zeros = torch.zeros_like(scale)
            rounded = torch.fake_quantize_per_channel_affine(folded, scale, zeros, 0, -WEIGHT_STEPS, WEIGHT_STEPS)
        else:
            zeros = torch.zeros((), dtype=torch.int32, device=scale.device)
            rounded = torch.fake_quantize_per_tensor_affine(folded, scale, zeros, -WEIGHT_STEPS, WEIGHT_STEPS)
        return rounded / gain

    def _gain(self, weight: Tensor) -> Tensor:
        """Return the factor of the batch normalization by output channel; 1 where that is 0 or there is none."""
        norm = self._norm[0]
        if not isinstance(norm, _BatchNorm) or norm.running_var is None:
            return torch.ones((), device=weight.device)
        gain = torch.rsqrt(norm.running_var + norm.eps)
        if norm.weight is not None:
            gain = gain * norm.weight.detach()
        return torch.where(gain == 0, 1.0, gain).view(-1, *[1] * (weight.ndim - 1))


class _Range:
    """The range of a layer's inputs, and the hook that rounds them."""

    def __init__(self, weight: _RoundedWeight) -> None:
        self._weight = weight
        self._observing = False

    def observe(self, on: bool) -> None:
        """Begin to take the range anew, without rounding anything, or end it."""
        if on:
            self._weight.low.zero_()
            self._weight.high.zero_()
        self._observing, self._weight.rounds = on, not on

    def hook(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """A forward pre-hook: every floating-point tensor is rounded, one that is passed twice is so once."""
        done: dict[int, Any] = {}

        def once(value: Any) -> Any:
            if not isinstance(value, Tensor) or not value.is_floating_point():
                return value
            if id(value) not in done:
                done[id(value)] = self._round(value, module.training)
            return done[id(value)]

        masks = {"attn_mask", "key_padding_mask"}
        return tuple(map(once, args)), {key: v if key in masks else once(v) for key, v in kwargs.items()}

    def _round(self, x: Tensor, training: bool) -> Tensor:
        low, high = self._weight.low.to(x.device), self._weight.high.to(x.device)
        if self._observing or training:
            lowest, highest = x.detach().amin().clamp(max=0), x.detach().amax().clamp(min=0)
            if self._observing:
                low, high = torch.minimum(low, lowest), torch.maximum(high, highest)
            else:
                low, high = torch.lerp(low, lowest, MOMENTUM), torch.lerp(high, highest, MOMENTUM)
            # In place, so that a CUDA graph of the step goes on from what it left.
            self._weight.low.copy_(low)
            self._weight.high.copy_(high)
        if self._observing:
            return x
        scale = (high - low) / ACTIVATION_STEPS
        scale = torch.where(scale > 0, scale, 1.0)
        zero = torch.round(-low / scale).clamp(0, ACTIVATION_STEPS).to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, ACTIVATION_STEPS)


def _weights(model: nn.Module) -> list[tuple[nn.Module, str]]:
    found = []
    for module in model.modules():
        for kinds, name in WEIGHTS:
            if isinstance(module, kinds) and isinstance(getattr(module, name, None), nn.Parameter):
                found.append((module, name))
    return found


def _freeze(module: nn.Module, args: object) -> None:
    module.eval()


def _norms_after(model: nn.Module, example: tuple[Tensor, ...]) -> dict[nn.Module, nn.Module]:
    """The batch normalization that takes the output of each convolution, where there is one."""
    outputs: list[tuple[nn.Module, Tensor]] = []
    norms: dict[nn.Module, nn.Module] = {}

    def seen(module: nn.Module, args: object, output: Tensor) -> None:
        outputs.append((module, output))

    def asked(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        norms.update({layer: module for layer, output in outputs if output is args[0]})

    hooks = [m.register_forward_hook(seen) for m in model.modules() if isinstance(m, Convolution)]
    hooks += [m.register_forward_pre_hook(asked) for m in model.modules() if isinstance(m, _BatchNorm)]
    try:
        with torch.no_grad():
            model(*example)
    finally:
        for hook in hooks:
            hook.remove()
    return norms
