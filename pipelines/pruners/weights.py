"""The single weights of a network that pruning may set to zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from pipelines.networks.exclusion import ALL_EXCLUDED, NOTHING_EXCLUDED, Exclusion
from pipelines.pruners.pruning_request import PruningRequest

MATRICES = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.MultiheadAttention, nn.RNNBase)
"""Layers whose weights multiply activations; embeddings only look them up."""

COMPUTED = "its weights are computed from others (a parametrization, such as weight or spectral normalization)"
"""The reason why a layer that `has_computed_weights` stays as it is."""


@dataclass(frozen=True)
class Weight:
    """One weight tensor.

    Attributes:
        layer: The name of its layer.
        name: Its own name.
        parameter: The weights, with the outputs in the first dimension and the inputs in the second.
    """

    layer: str
    name: str
    parameter: nn.Parameter


def has_computed_weights(module: nn.Module) -> bool:
    """Return True if the weights of `module` are no parameters of its own, but computed from some at each call."""
    if is_parametrized(module):
        return True
    return isinstance(getattr(module, "weight", None), Tensor) and "weight" not in module._parameters


def weights(model: nn.Module, exclude: Exclusion = NOTHING_EXCLUDED) -> list[Weight]:
    """The weights of all matrices and convolutions, in the order of the layers; biases and norms are not among them.

    Neither is what `exclude` covers, nor are weights that are computed from others: those are no parameters that could
    be set to zero.
    """
    found, seen = [], set[int]()
    for layer, module in model.named_modules():
        if not isinstance(module, MATRICES) or has_computed_weights(module):
            continue
        for key, parameter in module.named_parameters(recurse=False):
            if "weight" in key and parameter.dim() > 1 and id(parameter) not in seen:
                seen.add(id(parameter))
                found.append(Weight(layer, f"{layer}.{key}" if layer else key, parameter))
    kept = {id(parameter) for name, parameter in _all_parameters(model) if exclude.covers(name)}
    return [weight for weight in found if id(weight.parameter) not in kept]


def _all_parameters(model: nn.Module) -> Iterable[tuple[str, nn.Parameter]]:
    """With every name that a parameter has."""
    return model.named_parameters(remove_duplicate=False)


def no_weights(model: nn.Module, exclude: Exclusion = NOTHING_EXCLUDED) -> str:
    """The reason why `weights` finds none in `model`."""
    if exclude.patterns and weights(model):
        return ALL_EXCLUDED
    for name, module in model.named_modules():
        if isinstance(module, MATRICES) and has_computed_weights(module):
            return f"{name}: {COMPUTED}"
    return "the network has no layer with a matrix of weights"


def learned(found: Iterable[Weight], model: nn.Module, note: Callable[[str], None]) -> list[Weight]:
    """Those of `found` that are not zero throughout: what starts so has yet to be learned, and cannot be ranked.

    Args:
        found: Weights of `model`.
        model: The network.
        note: Notified of these, and of layers that have other weights than `weights` finds.
    """
    for name, module in model.named_modules():
        if isinstance(module, MATRICES) and has_computed_weights(module):
            note(f"{name} stays whole: {COMPUTED}")
    result = []
    for weight in found:
        if bool(weight.parameter.detach().any()):
            result.append(weight)
        else:
            note(f"{weight.name} stays whole: it is zero throughout, as before any training")
    return result


def scores(weight: Weight, cut: PruningRequest) -> Tensor:
    """The importance of each weight, with what is zero already below everything else."""
    ranked = cut.importance.of_weights(weight.parameter.detach(), weight.parameter.grad).detach()
    return ranked.masked_fill(weight.parameter.detach() == 0, float("-inf"))


def rank_gradients(model: nn.Module, cut: PruningRequest) -> None:
    """Leave the gradients that the importance reads, if it does.

    Raises:
        TrialFailed: the loss cannot be computed.
    """
    if cut.importance.needs_gradients:
        cut.gradients(model)
