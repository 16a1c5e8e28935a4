"""Attention layers of torch, which cannot be cut, converted to layers of the same function that can."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from pipelines.networks.attention import with_separate_heads


def convertible(model: nn.Module) -> list[str]:
    """The names of the attention layers of `model` that can be converted."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.MultiheadAttention) and module.bias_k is None and not module.add_zero_attn
    ]


def convert(model: nn.Module, names: Iterable[str]) -> None:
    """Put layers of the same function, with a number of heads of their own, in the place of those called `names`."""
    for name in names:
        attention = model.get_submodule(name)
        frozen = not any(parameter.requires_grad for parameter in attention.parameters())
        made = with_separate_heads(attention)  # type: ignore[arg-type]
        made.requires_grad_(not frozen)
        model.set_submodule(name, made)
