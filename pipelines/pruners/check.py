"""Checks that a cut is right: the smaller network computes what the whole one does with the removed parts ignored."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from pipelines.errors import TrialFailed
from pipelines.pruners.slices import Slice, remove, target_of
from pipelines.tasks.task import Inputs, as_tuple
from pipelines.tasks.tensors import joined

Part = TypeVar("Part")

OTHER_OUTPUT = "without some of its channels the network's output has another shape"
OTHER_RESULT = "without some of its channels the network computes something else than with them at zero"


class Check:
    """Tries cuts on copies of a network.

    The copies have random weights: with its own, a layer that starts at zero would hide what is wrong before it. So
    what is found holds for the structure, whatever the weights are.

    Args:
        model: In evaluation mode; it stays as it is.
        example: What it is called with.

    Raises:
        TrialFailed: the network cannot be copied, or gives nothing to compare.
    """

    def __init__(self, model: nn.Module, example: Inputs) -> None:
        self._model, self._inputs = _subject(copied(model, example), example)
        if not is_same(self.whole(), self.whole()):
            raise TrialFailed("the network gives other outputs when it is asked twice, so no cut can be checked")

    def copy(self) -> nn.Module:
        """A copy of the network with random weights."""
        return copy.deepcopy(self._model)

    def whole(self) -> Tensor:
        """The outputs of the uncut network with random weights."""
        return self.of(self._model)

    def of(self, model: nn.Module) -> Tensor:
        """Return the outputs of `model`, made from a `copy`, for the inputs of this check."""
        return outputs(model, self._inputs)

    def fault(self, slices: Sequence[Slice]) -> str | None:
        """The reason why the network without `slices` does not compute what it does with them at zero, or None.

        At zero means: what the layers that lose channels give there, and what layers and parameters take of it. The
        statistics of layer and group normalization are those of the channels that stay.
        """
        smaller = self.copy()
        try:
            remove(smaller, slices)
            got = self.of(smaller)
        except TrialFailed as error:
            return error.reason
        except Exception as error:  # whatever a person's network does when it is smaller
            return f"without some of its channels it fails: {brief(error)}"
        with masked(self._model, slices):
            expected = self.whole()
        if got.shape != expected.shape:
            return OTHER_OUTPUT
        return None if is_same(got, expected) else OTHER_RESULT


def sound(
    parts: Mapping[str, Part], fault: Callable[[Sequence[Part]], str | None]
) -> tuple[dict[str, Part], dict[str, str]]:
    """Those of `parts` that can be cut together, and why each of the others cannot.

    Args:
        parts: What is to be cut, by name.
        fault: Says what is wrong with cutting these together.
    """
    fine: dict[str, Part] = {}
    faults: dict[str, str] = {}

    def add(names: Sequence[str]) -> None:
        together = {**fine, **{name: parts[name] for name in names}}
        if not names or (reason := fault(list(together.values()))) is None:
            fine.update(together)
        elif len(names) == 1:
            faults[names[0]] = reason
        else:
            half = len(names) // 2
            add(names[:half])
            add(names[half:])

    add(list(parts))
    return fine, faults


def told(faults: Mapping[str, str], most: int = 3) -> str:
    """Return what `sound` found wrong, in a line: `most` reasons with their parts, and how many more there are."""
    lines = [f"{_listed(names, most)}: {reason}" for reason, names in _by_reason(faults).items()]
    more = len(lines) - most
    return "; ".join(lines[:most]) + (f"; and {more} more" if more > 0 else "")


def stays(faults: Mapping[str, str], most: int = 3) -> list[str]:
    """Return notes of what stays whole for what `sound` found wrong: one for each reason, with `most` parts at most."""
    return [
        f"{_listed(names, most)} {'stay' if len(names) > 1 else 'stays'} whole: {reason}"
        for reason, names in _by_reason(faults).items()
    ]


def _by_reason(faults: Mapping[str, str]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for name, reason in faults.items():
        named.setdefault(reason, []).append(name)
    return named


def _listed(names: Sequence[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names) if more < 1 else f"{', '.join(names[:most])} and {more} more"


def copied(model: nn.Module, example: Inputs) -> nn.Module:
    """A copy of `model`, which is called with `example`, on the CPU and in evaluation mode.

    Raises:
        TrialFailed: it cannot be copied.
    """
    outputs(model, as_tuple(example))  # weights that are computed at each call are free of their history after it
    try:
        return copy.deepcopy(model).eval().cpu()
    except Exception as error:  # whatever a person's network holds
        raise TrialFailed(f"the network cannot be copied: {brief(error)}") from error


def outputs(model: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    """Return the outputs of `model` for copies of `inputs`, without gradients: several as one row of numbers."""
    with torch.no_grad():
        return joined(model(*(x.clone() for x in inputs)))


def is_same(one: Tensor, other: Tensor) -> bool:
    """Return True if two networks computed the same, up to rounding: half of the digits that their type has."""
    if one.shape != other.shape or not one.is_floating_point():
        return torch.equal(one, other)
    near = math.sqrt(torch.finfo(one.dtype).eps)
    return torch.allclose(one, other, rtol=near, atol=near * float(other.detach().abs().max()))


def scramble(model: nn.Module) -> None:
    """Give `model` random weights of a usual size, so that what each channel holds shows in the output."""
    noise = torch.Generator().manual_seed(0)

    def normal(tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=noise).to(tensor.dtype)

    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.is_floating_point():
                continue
            if parameter.dim() > 1 and len(parameter) > 1:
                parameter.copy_(normal(parameter) * math.sqrt(2 * len(parameter) / parameter.numel()))
            else:
                parameter.nan_to_num_(0, 0, 0).add_(0.3 * normal(parameter))
        for module in model.modules():
            if isinstance(module, _NormBase) and module.running_mean is not None and module.running_var is not None:
                module.running_mean.copy_(0.3 * normal(module.running_mean))
                module.running_var.copy_(torch.rand(module.running_var.shape, generator=noise) + 0.5)


@contextmanager
def masked(model: nn.Module, slices: Iterable[Slice]) -> Iterator[None]:
    """Within it, `slices` of `model` are zero: outputs, inputs and parameters alike; see `Check.fault`."""
    with ExitStack() as stack:
        for one in slices:
            target = target_of(model, one.place)
            if isinstance(target, nn.Parameter):
                stack.enter_context(_zeroed(target, one))
            elif isinstance(target, (nn.LayerNorm, nn.GroupNorm)):
                stack.enter_context(_of_the_rest(target, one))
            elif one.side == "in":
                stack.callback(target.register_forward_pre_hook(_zeroes_inputs(one)).remove)
            else:
                stack.callback(target.register_forward_hook(_zeroes_outputs(one)).remove)
        yield


def _subject(model: nn.Module, example: Inputs) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A network to try cuts on, and inputs for it: as random as can be without making its outputs infinite."""
    given = as_tuple(example)
    generator = torch.Generator().manual_seed(0)
    noise = tuple(torch.randn(x.shape, generator=generator).to(x.dtype) if x.is_floating_point() else x for x in given)
    random = copy.deepcopy(model)
    scramble(random)
    for subject, inputs in ((random, noise), (random, given), (model, given)):
        if bool(outputs(subject, inputs).isfinite().all()):
            return subject, inputs
    raise TrialFailed("the network gives numbers that are not finite for the example input, so no cut can be checked")


def _dimension(layer: nn.Module) -> int:
    """The dimension of what `layer` takes and gives that holds its channels."""
    if isinstance(layer, _ConvNd):
        return -1 - len(layer.kernel_size)
    return 1 if isinstance(layer, (_NormBase, nn.PReLU, nn.GroupNorm)) else -1


def _zeroes_inputs(one: Slice) -> Callable[[nn.Module, Any], Any]:
    def hook(layer: nn.Module, args: Any) -> Any:
        return (_without(args[0], _dimension(layer), one.gone), *args[1:])

    return hook


def _zeroes_outputs(one: Slice) -> Callable[[nn.Module, Any, Any], Any]:
    def hook(layer: nn.Module, args: Any, output: Any) -> Any:
        return _without(output, _dimension(layer), one.gone)

    return hook


def _without(x: Tensor, dim: int, gone: Sequence[int]) -> Tensor:
    return x.index_fill(dim, torch.tensor(gone, dtype=torch.long), 0)


@contextmanager
def _zeroed(parameter: nn.Parameter, one: Slice) -> Iterator[None]:
    before = parameter.data
    parameter.data = _without(before, one.dim, one.gone)
    try:
        yield
    finally:
        parameter.data = before


@contextmanager
def _of_the_rest(norm: nn.LayerNorm | nn.GroupNorm, one: Slice) -> Iterator[None]:
    """Within it, `norm` normalizes the channels that stay by themselves, and gives zero for the others."""
    smaller = copy.deepcopy(norm)
    remove(smaller, [Slice("", one.side, one.dim, one.gone)])
    plain = type(norm).forward is nn.LayerNorm.forward  # else it may be one that has its channels second, as images do

    def forward(x: Tensor) -> Tensor:
        dim = -1 if plain or (isinstance(norm, nn.LayerNorm) and x.shape[1] != norm.normalized_shape[-1]) else 1
        stay = torch.tensor(sorted({*range(x.shape[dim])} - {*one.gone}))
        return torch.zeros_like(x).index_copy_(dim, stay, smaller(x.index_select(dim, stay)))

    norm.forward = forward  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        del norm.forward


def brief(error: Exception) -> str:
    """Return the words of `error` in a line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
