"""Checks that a cut is right: the smaller network computes what the whole one does with the removed parts ignored."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from pipelines.errors import TrialFailed
from pipelines.pruners.of_the_rest import OfTheRest
from pipelines.pruners.slices import Slices, remove, zeroed
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

    Attributes:
        tries_training: Whether what is smaller is called in training, too, as that reads other parameters.

    Raises:
        TrialFailed: the network cannot be copied, or gives nothing to compare.
    """

    def __init__(self, model: nn.Module, example: Inputs) -> None:
        self._model, self._inputs = _subject(copied(model, example), example)
        self.tries_training = False
        if not is_same(self.whole(), self.whole()):
            raise TrialFailed("the network gives other outputs when it is asked twice, so no cut can be checked")

    def copy(self) -> nn.Module:
        """A copy of the network with random weights."""
        return copy.deepcopy(forgetful(self._model))

    def whole(self) -> Tensor:
        """The outputs of the uncut network with random weights."""
        return self.of(self._model)

    def of(self, model: nn.Module) -> Tensor:
        """Return the outputs of `model`, made from a `copy`, for the inputs of this check."""
        return outputs(model, self._inputs)

    @property
    def model(self) -> nn.Module:
        """The network with random weights, which stays whole."""
        return self._model

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What it is called with."""
        return self._inputs

    def fault(self, slices: Slices) -> str | None:
        """The reason why the network without `slices` does not compute what it does with them at zero, or None.

        Zero are the parameters that go. The statistics that normalization takes, and means, are those of what stays.
        """
        smaller = self.copy()
        try:
            remove(smaller, slices)
            got = self.of(smaller)
        except Exception as error:  # whatever a person's network does when it is smaller
            return f"without some of its channels it fails: {brief(error)}"
        expected = self.masked(slices)
        if got.shape != expected.shape:
            return OTHER_OUTPUT
        if not is_same(got, expected):
            return OTHER_RESULT
        return self._fault_in_training(smaller) if self.tries_training else None

    def _fault_in_training(self, smaller: nn.Module) -> str | None:
        """The reason why `smaller` fails in training, or None; also if the whole network does."""
        try:
            self.of(smaller.train())
        except Exception as error:  # whatever a person's network does when it is smaller
            with suppress(Exception):
                self.of(self.copy().train())
                return f"without some of its channels it fails in training: {brief(error)}"
        return None

    def masked(self, slices: Slices) -> Tensor:
        """The outputs of the whole network with `slices` at zero; see `fault`."""
        masked = self.copy()
        tensors: dict[str, Tensor] = {**dict(masked.named_parameters()), **dict(masked.named_buffers())}
        for name, places in slices.gone.items():
            tensors[name].data = zeroed(tensors[name].data, places)
        # With gradients, as it was followed: without them torch's transformers take another way.
        inputs = [x.clone() for x in self._inputs]
        with torch.enable_grad(), OfTheRest(slices.statistics):
            return joined(masked(*inputs)).detach()


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
    outputs(
        forgetful(model), as_tuple(example)
    )  # weights that are computed at each call are free of their history after it
    try:
        return copy.deepcopy(model).eval().cpu()
    except Exception as error:  # whatever a person's network holds
        raise TrialFailed(f"the network cannot be copied: {brief(error)}") from error


def forgetful(model: nn.Module) -> nn.Module:
    """`model` in evaluation mode, without what layers keep of earlier calls: training makes them drop it."""
    return model.train().eval()


def outputs(model: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    """Return the outputs of `model` for copies of `inputs`, without gradients: several as one row of numbers."""
    with torch.no_grad():
        return joined(model(*(x.clone() for x in inputs)))


def is_same(one: Tensor, other: Tensor) -> bool:
    """Return True if two networks computed the same, up to rounding: half of the digits that their type has."""
    if one.shape != other.shape or not one.is_floating_point():
        return torch.equal(one, other)
    if not bool(other.isfinite().all()):
        return False
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


def brief(error: Exception) -> str:
    """Return the words of `error` in a line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
