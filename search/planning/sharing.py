"""Sharing among the recipes of a space: the number of different results that each kind of stage can have."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from pipelines.stages import STAGES, Export, Pack, TrainTeacher
from spaces import NONE, SearchSpace, StepSpec, Value

Entry = tuple[str, tuple[tuple[str, Value], ...]]
"""One stage of a step: its name, and the parameters that it reads."""

LIMIT = 100_000
"""Of how many ways to do one step the stages are compared; with more of them it would take too long."""


@dataclass(frozen=True)
class Share:
    """The shared part of one kind of stage's work.

    Attributes:
        stage: The stage.
        recipes: How many recipes of the space need it.
        distinct: How many different results it has in all of them: each is computed once.
    """

    stage: str
    recipes: int
    distinct: int


@dataclass(frozen=True)
class _Way:
    """One way to do a step: the part of the space that it is in, and its stages before and after the export."""

    part: int
    networks: tuple[Entry, ...]
    files: tuple[Entry, ...]


_Key = tuple[object, ...]
_Cut = Callable[[_Way], Iterator[_Key]]
"""What a result depends on in one step: of each result that it leads to, what is kept apart; () if nothing is."""


def shares(space: SearchSpace) -> list[Share] | None:
    """The shared part of each kind of stage, in the order of the work; None if that would take too long to tell.

    Nothing is counted twice, and recipes are not enumerated: the ways to do each step are compared, and which of them
    go together is known by their parts.
    """
    work = _Work.of(space)
    if work is None:
        return None
    found = [Share(TrainTeacher.name, space.size(), 1)]
    for form in ("network", "file"):
        if form == "file":
            found.append(Share(Export.name, space.size(), work.distinct(None, _whole, _whole, _whole)))
        for step in space.steps:
            names = (entry[0] for way in work.ways[step.name] for entry in getattr(way, f"{form}s"))
            for name in dict.fromkeys(names):
                found.append(Share(name, work.recipes(step.name, name), work.of_stage(step.name, name, form)))
    found.append(Share(Pack.name, space.size(), work.distinct(None, _everything, _everything, _everything)))
    return found


@dataclass(frozen=True)
class _Work:
    """The ways to do each step, and which of them go together.

    Attributes:
        space: The space.
        ways: By step, all that it may do.
        together: Parts, by step, that recipes combine, with the steps that are on, in order.
    """

    space: SearchSpace
    ways: Mapping[str, Sequence[_Way]]
    together: Sequence[tuple[Mapping[str, int], tuple[str, ...]]]

    @classmethod
    def of(cls, space: SearchSpace) -> _Work | None:
        """The work of `space`; None if a step has too many ways."""
        ways: dict[str, list[_Way]] = {}
        for index, step in enumerate(space.steps):
            parts = {id(region.parts[index]): region.parts[index] for region in space.regions}
            if sum(part.count for part in parts.values()) > LIMIT:
                return None
            ways[step.name] = [
                _way(step, key, dict(zip(box, values, strict=True)))
                for key, part in parts.items()
                for box in part.boxes
                for values in product(*box.values())
            ]
        names = [step.name for step in space.steps]
        together = [
            ({name: id(part) for name, part in zip(names, region.parts, strict=True)}, region.sequence)
            for region in space.regions
        ]
        return cls(space, ways, together)

    def recipes(self, step: str, stage: str) -> int:
        """The number of recipes that need the stage called `stage` of `step`."""
        index = [spec.name for spec in self.space.steps].index(step)
        needing = Counter(
            way.part for way in self.ways[step] if any(name == stage for name, _ in (*way.networks, *way.files))
        )
        return sum(
            region.count // region.parts[index].count * needing[id(region.parts[index])]
            for region in self.space.regions
        )

    def of_stage(self, step: str, stage: str, form: str) -> int:
        """The number of results that the stage called `stage` of `step` has."""
        if form == "network":

            def upto(way: _Way) -> Iterator[_Key]:
                for at, (name, _) in enumerate(way.networks):
                    if name == stage:
                        yield way.networks[: at + 1]

            return self.distinct(step, _whole, upto, None)

        def file_upto(way: _Way) -> Iterator[_Key]:
            for at, (name, _) in enumerate(way.files):
                if name == stage:
                    yield (way.networks, way.files[: at + 1])

        return self.distinct(step, _everything, file_upto, _whole)

    def distinct(self, step: str | None, before: _Cut, at: _Cut, after: _Cut | None) -> int:
        """The number of different results of which the steps before, at and after `step` tell so much apart.

        Results are told apart by what the steps that matter do and by their order. `step` None stands for all steps.
        """
        groups = {
            cut: {name: _groups(self.ways[name], cut) for name in self.ways} for cut in {before, at, after} if cut
        }
        results: dict[tuple[object, ...], int] = {}
        for parts, sequence in self.together:
            if step is not None and step not in sequence:
                continue
            place = len(sequence) if step is None else sequence.index(step)
            cuts = [before if index < place else at if index == place else after for index in range(len(sequence))]
            choices = [
                [
                    ((name, cut, number), *group[1:])
                    for number, group in enumerate(groups[cut][name])
                    if parts[name] in group[0]
                ]
                for name, cut in zip(sequence, cuts, strict=True)
                if cut
            ]
            for combination in product(*choices):
                kept = [(identity, count) for identity, matters, count in combination if matters]
                results[tuple(identity for identity, _ in kept)] = math.prod(count for _, count in kept)
        return sum(results.values())


def _way(step: StepSpec, part: int, params: Mapping[str, Value]) -> _Way:
    if params[step.switch.name] == NONE:
        return _Way(part, (), ())
    keys = {parameter.name: parameter.key for parameter in step.parameters}
    work = STAGES[step.name]({keys[name]: value for name, value in params.items()})
    entries = {
        form: tuple((stage.name, tuple(sorted(read.items()))) for stage, read in work if stage.form == form)
        for form in ("network", "file")
    }
    return _Way(part, entries["network"], entries["file"])


def _whole(way: _Way) -> Iterator[_Key]:
    yield way.networks


def _everything(way: _Way) -> Iterator[_Key]:
    yield (way.networks, way.files) if way.files else way.networks


def _groups(ways: Sequence[_Way], cut: _Cut) -> list[tuple[frozenset[int], bool, int]]:
    """Group what `cut` keeps apart by the parts in which it occurs: (parts, whether it counts, how many)."""
    parts: dict[_Key, set[int]] = {}
    for way in ways:
        for key in cut(way):
            parts.setdefault(key, set()).add(way.part)
    counts = Counter((frozenset(found), bool(key)) for key, found in parts.items())
    return [(found, matters, count) for (found, matters), count in counts.items()]
