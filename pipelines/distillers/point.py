"""Points of a network whose features are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.tasks.task import Inputs, as_tuple

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Point:
    """The input or the output of a module; of its last call, if it is called several times.

    Attributes:
        module: The module's name, as in ``named_modules()``.
        side: Which of the two.
    """

    module: str
    side: Literal["input", "output"] = "output"


def penultimate(model: nn.Module, example: Inputs) -> Point:
    """The input of the last linear layer that is called (of the last convolution, if there is none): the embedding.

    Raises:
        TrialFailed: the network has neither.
    """
    calls = [module for module, _ in _calls(model, example)[0]]
    for kinds in ((nn.Linear,), CONVOLUTIONS):
        found = [name for name in calls if isinstance(model.get_submodule(name), kinds)]
        if found:
            return Point(found[-1], "input")
    raise TrialFailed("the network calls no linear layer or convolution to listen at; give the task feature_points")


def last_map(model: nn.Module, example: Inputs) -> Point:
    """The last output of a module within the network that has several positions: a map or a row of tokens.

    If it comes out of a normalisation over the channels, that one's input: afterwards all tokens are equally strong.

    Raises:
        TrialFailed: there is none.
    """
    calls, result = _calls(model, example)
    found = [(name, output) for name, output in calls if output is not result and positions(output) > 1]
    if not found:
        raise TrialFailed(
            "the network has no feature map (N, C, H, W) and no tokens (N, tokens, C) within; use another distiller"
        )
    last, output = found[-1]
    levelled = [name for name, other in found if other is output and _levels(model.get_submodule(name))]
    return Point(levelled[0], "input") if levelled else Point(last)


def _levels(module: nn.Module) -> bool:
    """Return True if it gives all positions the same strength; many networks bring classes of their own for it."""
    return any(word in type(module).__name__ for word in ("LayerNorm", "RMSNorm"))


def positions(feature: object) -> int:
    """Return the number of positions of a map (N, C, H, W) or a row of tokens (N, tokens, C); 1 for anything else."""
    if not isinstance(feature, Tensor) or feature.ndim not in (3, 4):
        return 1
    return feature[0, 0].numel() if feature.ndim == 4 else feature.shape[1]


def _calls(model: nn.Module, example: Inputs) -> tuple[list[tuple[str, Any]], Any]:
    """The names of the modules within `model` as they end their calls, each with its output; and the model's own."""
    calls: list[tuple[str, Any]] = []
    hooks = [
        module.register_forward_hook(lambda module, inputs, output, name=name: calls.append((name, output)))
        for name, module in model.named_modules()
        if name
    ]
    training = model.training
    try:
        with torch.no_grad():
            result = model.eval()(*as_tuple(example))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return calls, result
