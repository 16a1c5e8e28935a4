"""Suffixes by which recipes may go on from networks that were computed, and the choices that tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from pipelines.pipeline import network_stages
from spaces import NONE, Recipe, SearchSpace, Value
from spaces.order import ORDER

Prefix = tuple[tuple[str, tuple[tuple[str, Value], ...]], ...]
"""The stages of a recipe that work on networks, with what they read."""


def prefix_of(recipe: Recipe) -> Prefix:
    """The networks that `recipe` goes on from."""
    return tuple((stage.name, tuple(sorted(params.items()))) for stage, params in network_stages(recipe))


def suffixes(space: SearchSpace) -> list[dict[str, Value]]:
    """All that the steps on files may do: their parameters by full name."""
    each: list[list[dict[str, Value]]] = []
    for index, step in enumerate(space.steps):
        if step.gives == "file":
            boxes = {
                tuple(box.items()): box
                for part in {id(region.parts[index]): region.parts[index] for region in space.regions}.values()
                for box in part.boxes
            }
            each.append([dict(zip(box, row, strict=True)) for box in boxes.values() for row in product(*box.values())])
    return [{name: value for suffix in suffixes for name, value in suffix.items()} for suffixes in product(*each)]


def plainest(space: SearchSpace, suffixes: Sequence[dict[str, Value]]) -> list[dict[str, Value]]:
    """Of `suffixes`, for each way to switch the steps on files on, the one with most values at their defaults."""
    defaults = {p.name: p.default for step in space.steps if step.gives == "file" for p in step.parameters}
    switches = [step.switch.name for step in space.steps if step.gives == "file"]
    found: dict[tuple[Value, ...], tuple[int, dict[str, Value]]] = {}
    for suffix in suffixes:
        switched = tuple(suffix.get(name, NONE) for name in switches)
        plain = sum(value == defaults.get(name) for name, value in suffix.items())
        if set(switched) != {NONE} and (switched not in found or plain > found[switched][0]):
            found[switched] = plain, suffix
    return [suffix for _, suffix in found.values()]


def join(space: SearchSpace, params: Mapping[str, Value], suffix: Mapping[str, Value]) -> dict[str, Value] | None:
    """`params` with what `suffix` does to the file instead; None if that is not in the space."""
    off = {step.switch.name: NONE for step in space.steps}
    given = {ORDER: space.orders[0], **off, **params, **suffix}
    try:
        joined = space.propose(lambda axis: given[axis.name])
    except KeyError:  # with this suffix to go on, parameters apply that have no value here
        return None
    legal = all(value in space.axis(name).values for name, value in joined.items())
    return joined if legal and not space.broken(joined) else None


def choices(params: Mapping[str, Value], switches: Sequence[str]) -> list[tuple[tuple[Value, ...], float]]:
    """The choices that tell suffixes apart: the scheme, and less so each of its parameters, with their weights."""
    found: list[tuple[tuple[Value, ...], float]] = []
    for switch in switches:
        scheme = params.get(switch, NONE)
        if scheme == NONE:
            continue
        found.append(((switch, scheme), 1.0))
        group = switch.partition(".")[0] + "."
        refined = sorted((n, v) for n, v in params.items() if n.startswith(group) and n != switch)
        found += [((switch, scheme, name, value), 0.5) for name, value in refined]
    return found


def feature_names(suffixes: Sequence[Mapping[str, Value]], switches: Sequence[str]) -> dict[tuple[Value, ...], int]:
    """A number for each of the choices that `suffixes` differ in."""
    names = dict.fromkeys(feature for suffix in suffixes for feature, _ in choices(suffix, switches))
    return {name: index for index, name in enumerate(names)}
