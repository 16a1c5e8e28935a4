"""Widths: entries of axes that can only go together, and what goes of them in a cut."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from torch import nn

from pipelines.errors import TrialFailed, UnchangedError
from pipelines.networks.axes import Axis, basic, coordinates, fix, resolved
from pipelines.networks.dataflow import SILENT, Dataflow
from pipelines.networks.exclusion import ALL_EXCLUDED, Exclusion
from pipelines.networks.rules.rule import HIDDEN
from pipelines.pruners.attributes import numbers_read
from pipelines.pruners.check import OTHER_OUTPUT, Check, copied, forgetful, sound, stays, told
from pipelines.pruners.conversion import convert, convertible
from pipelines.pruners.group import scores_of
from pipelines.pruners.options import ROUND_TO, is_global, value_of
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.ranking import Ranked, removed
from pipelines.pruners.slices import Slices, remove, slices_of
from pipelines.pruners.traceable import traceable
from pipelines.pruners.weights import COMPUTED, has_computed_weights
from pipelines.tasks.task import Inputs

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
TABLES = (nn.Embedding, nn.EmbeddingBag)
LAYERS = (nn.Linear, *CONVOLUTIONS, *TRANSPOSED)

FAR = 0.1
"""Share of the channels by which a cut may differ from its ratio before that is worth a note."""

MOST_TRIED = 12
"""So many choices of attributes that have to change with a width are tried."""

Kind = tuple[str, str, int]
"""The name of a class, of one of its attributes that may say how wide something is, and how many times a width."""

Gone = Mapping[str, Collection[int]]
"""The entries that go, by the width's name."""


@dataclass(frozen=True)
class Width:
    """Entries of one axis, wherever it occurs: channels of layers that can only go together, or heads.

    Attributes:
        name: The first of the modules that give them.
        axis: The axis.
        count: How many channels of that module they are.
        places: The parameters and buffers that have the axis, each with the dimension.
        producers: The layers whose outputs they are, by name.
        consumers: The layers whose inputs they are, by name.
        first: The name of the layer that is ranked first.
        beside: The other axes with which it is multiplied somewhere.
        fault: Why they cannot be cut, empty if nothing is known against it.
    """

    name: str
    axis: Axis
    count: int
    places: Sequence[tuple[str, int]]
    producers: Mapping[str, nn.Module]
    consumers: Mapping[str, nn.Module]
    first: str
    beside: frozenset[Axis]
    fault: str = ""

    @property
    def repeats(self) -> int:
        """In how many equal parts of the channels each entry is found, such as the groups of a convolution."""
        return self.count // self.axis.size

    @property
    def can_shrink(self) -> bool:
        """Whether there are several entries, of which one has to stay."""
        return self.axis.size > 1


Choice = Callable[[Sequence[Width], Dataflow], Sequence[Width]]
"""Given the widths of a network and its flow, those that a pruner may touch, by the names that it has for them."""


class Widths:
    """The widths of a network that a pruner may cut, never that of its input or output.

    To each of them a cut was tried on a copy of the network: those that lose entries as they should are `found`.

    Args:
        model: In evaluation mode, within `traceable`; it stays as it is.
        example: What it is called with.
        exclude: What has to stay as it is, and with it every width that it has a part in.
        choice: Which widths the pruner may touch.

    Attributes:
        found: The widths, in the order of their layers.
        excluded: Whether there are others that only `exclude` keeps.
        faults: Why those that had to be left out cannot be cut, by name.
        converted: The names of attention layers that have to be converted before a cut.

    Raises:
        TrialFailed: the network cannot be traced.
    """

    def __init__(self, model: nn.Module, example: Inputs, exclude: Exclusion, choice: Choice) -> None:
        network = copied(model, example)
        self.converted = convertible(network)
        convert(network, self.converted)
        self._check = Check(network, example)
        self._model = forgetful(self._check.model)
        self.flow = Dataflow(self._model, self._check.inputs)
        self._check.tries_training = self.flow.trains_more
        self._keep_hidden_states()
        self._order = {name: at for at, (name, _) in enumerate(self._model.named_modules())}
        self._numbers: dict[tuple[str, str], Any] | None = None
        self._plain = {name for name, module in self._model.named_modules() if not [*module.parameters()]}
        self._changes: dict[str, frozenset[Kind]] = {}
        self._around: dict[str, dict[tuple[str, str], set[int]]] = {}
        all_chosen = _told_apart(choice(self._widths(), self.flow))
        chosen = [width for width in all_chosen if not any(exclude.covers(name) for name, _ in width.places)]
        self.excluded = len(chosen) < len(all_chosen)
        self._chosen = {width.name: width for width in chosen if not width.fault}
        self.faults = {width.name: width.fault for width in chosen if width.fault}
        unfit = self._adapt({name: _some(width) for name, width in self._chosen.items() if width.can_shrink})
        self.found = [width for name, width in self._chosen.items() if name not in unfit]
        # What another layer than the last gives to the output is no fault.
        self.faults |= {name: fault for name, fault in unfit.items() if fault != OTHER_OUTPUT}

    @property
    def sizes(self) -> dict[str, int]:
        """The channels of each width that is found, by name."""
        return {width.name: width.count for width in self.found}

    def slices(self, gone: Gone) -> Slices:
        """What everything loses with the entries `gone`."""
        return self._slices(gone, self._changes)

    def unsound(self, gone: Gone) -> dict[str, str]:
        """Return why some of the cuts, by the width's name, cannot be made; all others can be, together."""
        parts = {name: (name, indices) for name, indices in gone.items()}
        return sound(parts, lambda some: self._check.fault(self.slices(dict(some))))[1]

    def _slices(self, gone: Gone, changes: Mapping[str, frozenset[Kind]]) -> Slices:
        values: dict[tuple[str, str], Any] = {}
        for name, indices in gone.items():
            width = self._chosen[name]
            if not (kinds := changes.get(name)):
                continue
            for (module, attribute), sizes in self._candidates(width).items():
                if self._kind(module, attribute, width) in kinds:
                    old = values.get((module, attribute), self._read()[module, attribute])
                    values[module, attribute] = _scaled(old, sizes, width.axis.size, len(indices))
        attributes = [(module, attribute, value) for (module, attribute), value in values.items()]
        return slices_of(self.flow, {self._chosen[name].axis: indices for name, indices in gone.items()}, attributes)

    def _adapt(self, gone: Gone) -> dict[str, str]:
        """Find which numbers modules have to keep of each width; returns why the others cannot be cut."""

        def fault(names: Iterable[str], changes: Mapping[str, frozenset[Kind]]) -> str | None:
            return self._check.fault(self._slices({name: gone[name] for name in names}, changes))

        if not gone or fault(gone, {}) is None:
            return {}
        all_kinds = {name: self._kinds(self._chosen[name]) for name in gone}
        if any(all_kinds.values()) and fault(gone, all_kinds) is None:
            self._changes = all_kinds
            return {}
        fine, faults = sound({name: name for name in gone}, lambda names: fault(names, {}))
        alike: dict[frozenset[Kind], list[str]] = {}
        for name in faults:
            alike.setdefault(all_kinds[name], []).append(name)
        for kinds, names in alike.items():
            for some in _subsets(kinds):
                changes = {**self._changes, **dict.fromkeys(names, some)}
                before = [*fine, *self._changes]
                if fault([*before, names[0]], changes) is None:
                    good, _ = sound({name: name for name in names}, lambda these: fault([*before, *these], changes))  # noqa: B023
                    self._changes |= dict.fromkeys(good, some)
                    break
            else:
                if kinds:  # what is wrong when all numbers are right tells more than that they are not
                    faults |= dict.fromkeys(names, fault([names[0]], {names[0]: kinds}) or faults[names[0]])
        return {name: reason for name, reason in faults.items() if name not in self._changes}

    def _kinds(self, width: Width) -> frozenset[Kind]:
        return frozenset(self._kind(module, attribute, width) for module, attribute in self._candidates(width))

    def _kind(self, module: str, attribute: str, width: Width) -> Kind:
        value = self._read()[module, attribute]
        times = (value[-1] if isinstance(value, tuple) else value) // width.axis.size
        return type(self._model.get_submodule(module)).__qualname__, attribute, times

    def _candidates(self, width: Width) -> dict[tuple[str, str], set[int]]:
        """The attributes of modules around `width` whose values may follow from it, with such values."""
        if width.name in self._around:
            return self._around[width.name]
        sizes = self.flow.products(width.axis)
        around = {"", *self._plain}
        for name, _ in width.places:
            parts = name.split(".")
            around |= {".".join(parts[:end]) for end in range(len(parts))}
        self._around[width.name] = {
            (module, attribute): sizes
            for (module, attribute), value in self._read().items()
            if module in around and sizes & {*(value if isinstance(value, tuple) else (value,))}
        }
        return self._around[width.name]

    def _read(self) -> dict[tuple[str, str], Any]:
        if self._numbers is None:
            self._numbers = numbers_read(copy.deepcopy(self._model), self._check.of)
        return self._numbers

    def _keep_hidden_states(self) -> None:
        """Note that what recurrent layers hand on to themselves stays, also where they run as single operators."""
        for name, module in self._model.named_modules():
            for key, _ in module.named_parameters(recurse=False) if isinstance(module, nn.RNNBase) else ():
                dims = self.flow.leaves.get(f"{name}.{key}".lstrip("."), ())
                for dim in dims if key.startswith("weight_hh") else dims[:1]:
                    fix(dim, HIDDEN)

    def _widths(self) -> list[Width]:
        """All widths, in the order of their layers."""
        places: dict[Axis, list[tuple[str, int]]] = {}
        beside: dict[Axis, set[Axis]] = {}
        for name, dims in self.flow.leaves.items():
            for at, dim in enumerate(dims):
                for axis in basic(dim):
                    places.setdefault(axis, []).append((name, at))
                    beside.setdefault(axis, set()).update(_multiplied(dim, axis))
        found = [
            self._width(axis, where, frozenset(beside[axis]))
            for axis, where in places.items()
            if axis.fixed not in SILENT and ("batched" in axis.roles or not _stands_beside_free(axis, beside[axis]))
        ]
        return sorted((width for width in found if width), key=lambda width: self._order[width.name])

    def _width(self, axis: Axis, places: list[tuple[str, int]], beside: frozenset[Axis]) -> Width | None:
        givers, producers, consumers = list[tuple[str, int]](), dict[str, nn.Module](), dict[str, nn.Module]()
        for name, at in places:
            owner, _, key = name.rpartition(".")
            module = self._model.get_submodule(owner)
            if module._parameters.get(key) is None or len(self.flow.leaves[name]) < 2:
                continue
            gives = at == (1 if isinstance(module, (*TRANSPOSED, *TABLES)) else 0)
            if gives or not isinstance(module, (*LAYERS, *TABLES)):
                givers.append((name, at))
                producers[owner] = module
            else:
                consumers[owner] = module
        if not givers:
            return None
        plain = [place for place in givers if isinstance(producers[place[0].rpartition(".")[0]], LAYERS)]
        tables = [place for place in givers if isinstance(producers[place[0].rpartition(".")[0]], TABLES)]
        first, at = min(plain or tables or givers, key=lambda place: self._order[place[0].rpartition(".")[0]])
        owner = first.rpartition(".")[0]
        count = sum(index >= 0 for index in coordinates(self.flow.leaves[first][at], axis))
        fault = axis.fixed or self._computed(places)
        return Width(owner, axis, count, places, producers, consumers, owner, beside, fault)

    def _computed(self, places: Iterable[tuple[str, int]]) -> str:
        """Return that a layer computes the weights that are at `places` from others, if so."""
        owners = {name.rpartition(".")[0] for name, _ in places}
        for owner in sorted(owners):
            layer = owner.partition(".parametrizations")[0]
            if has_computed_weights(self._model.get_submodule(layer)):
                return f"{layer}: {COMPUTED}"
        return ""


def apart(widths: Sequence[Width]) -> list[Width]:
    """Those of `widths` that are not multiplied with each other anywhere: of such, the one with the most entries."""
    chosen: list[Width] = []
    for width in sorted(widths, key=lambda width: -width.axis.size):
        if not any(other.axis in width.beside for other in chosen):
            chosen.append(width)
    return [width for width in widths if width in chosen]


def sizes_of(model: nn.Module, example: Inputs, exclude: Exclusion, choice: Choice) -> Sizes:
    """The channels of each width that `choice` takes and that can be cut, by name, without those of `exclude`.

    Raises:
        TrialFailed: the network cannot be traced.
    """
    with traceable(model):
        return Widths(model, example, exclude, choice).sizes


def width_problem(
    model: nn.Module, example: Inputs, exclude: Exclusion, choice: Choice, nothing: str, advice: str = ""
) -> str | None:
    """Return why no width that `choice` takes can be cut, with `advice`, or None; `nothing` if it takes none."""
    try:
        with traceable(model):
            widths = Widths(model, example, exclude, choice)
    except TrialFailed as error:
        return error.reason
    if any(width.can_shrink for width in widths.found):
        return None
    if not widths.faults:
        return ALL_EXCLUDED if widths.excluded else nothing
    return f"no width can be cut: {told(widths.faults)}" + (f"; {advice}" if advice else "")


def cut_widths(model: nn.Module, cut: PruningRequest, choice: Choice, *, rounds: bool = True) -> Any:
    """Remove the least important entries of the widths that `choice` takes.

    Args:
        model: The network.
        cut: The request.
        choice: Which widths may be cut.
        rounds: Whether what stays is a multiple of ``pruning.round_to``.

    Returns:
        What goes as plain data, which `replay_widths` takes.

    Raises:
        TrialFailed: see `Pruner.prune`.
    """
    with traceable(model):
        widths = Widths(model, cut.example, cut.exclude, choice)
        found = {width.name: width for width in widths.found if width.name in cut.sizes}
        shrinking = {name: width for name, width in found.items() if width.can_shrink}
        touched = [
            m for m in widths.converted if any(p.startswith(f"{m}.") for w in shrinking.values() for p, _ in w.places)
        ]
        convert(model, touched)
        if cut.importance.needs_gradients:
            cut.gradients(model)
        round_to = int(value_of(ROUND_TO, cut.params)) if rounds else 1
        ranked = {name: _ranked(width, model, widths.flow, cut, round_to) for name, width in shrinking.items()}
        layers = {name: each for name, each in ranked.items() if each}
        # What is left of a width with one entry is no axis any more.
        layers |= {
            name: Ranked(torch.zeros(1)) for name in cut.sizes if name not in found and name not in widths.faults
        }
        gone = removed(layers, cut, together=is_global(cut.params))
        faults = widths.unsound(gone)
        gone = {name: indices for name, indices in gone.items() if name not in faults}
        if not gone and {name: width.count for name, width in found.items()} == dict(cut.sizes):
            raise UnchangedError(_nothing_goes(widths, faults, cut, round_to))
        slices = widths.slices(gone)
        remove(model, slices)
        forgetful(model)
        model.zero_grad(set_to_none=True)
        for note in stays({**widths.faults, **faults}):
            cut.note(note)
        _tell_rounding(
            {name: found[name] for name in layers if name in found and name not in faults}, gone, cut, round_to
        )
        return {"converted": touched, **slices.to_json()}


def replay_widths(model: nn.Module, history: Any) -> None:
    """Repeat the cut that `cut_widths` made."""
    with traceable(model):
        convert(model, history["converted"])
        remove(model, Slices.from_json(history))


def _nothing_goes(widths: Widths, faults: Mapping[str, str], cut: PruningRequest, round_to: int) -> str:
    start = f"nothing to prune at {cut.told}: "
    if faults or not widths.found:
        reasons = {**widths.faults, **faults}
        return start + (told(reasons) if reasons else "no layer has channels that could go")
    if isinstance(cut.ratio, (int, float)) and max(widths.sizes.values()) * cut.ratio < 0.5:
        return f"{start}that is less than half a channel of the widest layer, which has {max(widths.sizes.values())}"
    return (
        f"{start}widths are kept at multiples of {round_to} and the widest layer has "
        f"{max(widths.sizes.values())} channels; use a wider network or a smaller pruning.round_to"
    )


def _tell_rounding(found: Mapping[str, Width], gone: Gone, cut: PruningRequest, to: int) -> None:
    """Note if rounded widths make the cut another than was asked for."""
    before = sum(cut.sizes[name] for name in found)
    if to == 1 or not before:
        return
    lost = before - sum(width.count - width.repeats * len(gone.get(name, ())) for name, width in found.items())
    if isinstance(cut.ratio, (int, float)) and abs(lost / before - cut.ratio) >= FAR:
        cut.note(f"ratio {cut.ratio:g} removes {lost / before:.0%} of the channels, as widths are multiples of {to}")


def _some(width: Width) -> list[int]:
    """About half of the entries, in no order that an operator might keep by chance."""
    size = width.axis.size
    return sorted(torch.randperm(size, generator=torch.Generator().manual_seed(size)).tolist()[: size // 2])


def _ranked(width: Width, model: nn.Module, flow: Dataflow, cut: PruningRequest, round_to: int) -> Ranked | None:
    """The entries of `width`, ranked; None if the importance has no opinion of them."""
    first = [place for place in width.places if place[0].rpartition(".")[0] == width.first]
    places = [*first, *(place for place in width.places if place not in first)]
    scores = scores_of(model, width.axis, [(name, flow.leaves[name][at], at) for name, at in places], cut.importance)
    if scores is None:
        return None
    # The whole width is a multiple: with 2 repeats and multiples of 8, of each repeat a multiple of 4 stays.
    multiple = math.lcm(round_to, width.repeats) // width.repeats
    return Ranked(scores, multiple, width.repeats)


def _stands_beside_free(axis: Axis, beside: Collection[Axis]) -> bool:
    """Return True if `axis` is fixed, and one that it is multiplied with is not: that is the width then."""
    return bool(axis.fixed) and any(not other.fixed for other in beside)


def _around(modules: Iterable[str], widths: Collection[Width]) -> list[str]:
    """Those of `modules` that have parameters of `widths`."""
    names = {name for width in widths for name, _ in width.places}
    return [module for module in modules if any(name.startswith(f"{module}.") for name in names)]


def _multiplied(dim: Iterable[Axis], axis: Axis) -> set[Axis]:
    """The axes with which `axis` is multiplied in `dim`."""
    found: set[Axis] = set()
    for one in resolved(dim):
        others = {other for each in resolved(dim) if each is not one for other in basic([each])}
        if one is axis:
            found |= others
        elif one.terms:
            for term in one.terms:
                if axis in basic(term):
                    found |= others | _multiplied(term, axis)
    return found


def _scaled(value: Any, sizes: Collection[int], size: int, lost: int) -> Any:
    """`value`, or those of its numbers that are in `sizes`, with `lost` of `size` entries less."""
    if isinstance(value, tuple):
        return tuple(_scaled(one, sizes, size, lost) for one in value)
    return value // size * (size - lost) if value in sizes else value


def _subsets(kinds: Collection[Kind]) -> list[frozenset[Kind]]:
    """Choices of `kinds`, small ones first."""
    ordered = sorted(kinds)
    found = [frozenset(some) for count in range(1, len(ordered) + 1) for some in combinations(ordered, count)]
    return found[:MOST_TRIED]


def _told_apart(widths: Sequence[Width]) -> list[Width]:
    """`widths` with different names: several of one layer are numbered."""
    seen: dict[str, int] = {}
    found = []
    for width in widths:
        seen[width.name] = seen.get(width.name, 0) + 1
        found.append(width if seen[width.name] == 1 else replace(width, name=f"{width.name}#{seen[width.name]}"))
    return found
