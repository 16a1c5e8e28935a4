"""The numbers that modules read from themselves while a network is called: a cut may have to change some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Numbers = dict[tuple[str, str], Any]
"""By the module's name and the attribute's: a whole number, or a tuple of these."""


def numbers_read(model: nn.Module, call: Callable[[nn.Module], Any]) -> Numbers:
    """The whole numbers that the modules of `model`, a copy, read from themselves within `call`.

    Those of torch's layers that follow from their weights are left out.
    """
    found: Numbers = {}
    kinds: list[tuple[nn.Module, type]] = []
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) or (_is_own(module) and _has_weight(module)):
            continue
        kinds.append((module, type(module)))
        module.__class__ = _watched(type(module), name, found)
    try:
        call(model)
    finally:
        for module, kind in kinds:
            module.__class__ = kind
    return found


def _watched(kind: Any, name: str, found: Numbers) -> type:
    def read(self: nn.Module, key: str) -> Any:
        value = kind.__getattribute__(self, key)
        if isinstance(value, (int, tuple)) and key in kind.__getattribute__(self, "__dict__") and _is_size(value):
            found[name, key] = value
        return value

    return type(kind.__name__, (kind,), {"__getattribute__": read, "__module__": kind.__module__})


def _is_size(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(isinstance(one, int) and not isinstance(one, bool) for one in value)
    return not isinstance(value, bool) and value > 1


def _is_own(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.")


def _has_weight(module: nn.Module) -> bool:
    return getattr(module, "weight", None) is not None
