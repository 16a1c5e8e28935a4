"""From a registry of techniques to the parameters of the step that they serve."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from spaces import NONE, Only, Options, Parameter, Value, When


class Technique(Protocol):
    """What the registries have in common: a technique declares the parameters that it reads."""

    parameters: tuple[Parameter, ...]


def switched(
    switch: str, techniques: Mapping[str, Technique], *, default: Value | None = None, help: str = ""
) -> tuple[Parameter, ...]:
    """The step's switch, which selects a technique, and every technique's parameters, under that condition.

    A parameter that several techniques declare is one parameter, which applies with any of them. They may declare
    different options of it: then each technique has its own, and the others are ruled out beside it.

    Raises:
        ValueError: two techniques declare one parameter in ways that differ in more than options.
    """
    declared: dict[str, dict[str, Parameter]] = {}
    for name, technique in techniques.items():
        for parameter in technique.parameters:
            declared.setdefault(parameter.name, {})[name] = parameter
    switching = Parameter(switch, Options((NONE, *techniques)), default=default, help=help)
    return (switching, *(_merged(switch, owners) for owners in declared.values()))


def _merged(switch: str, owners: Mapping[str, Parameter]) -> Parameter:
    """One parameter made of what each of `owners`, by the technique's name, declares."""
    first, *others = owners.values()
    domain, only = first.domain, first.only
    if any(other != first for other in others):
        domain, only = _union(switch, owners)
    if len({dataclasses.replace(parameter, domain=domain, only=only) for parameter in owners.values()}) > 1:
        raise ValueError(f"techniques of {switch} declare {first.name} in two ways: {', '.join(owners)}")
    when = (When(switch, tuple(owners)), *first.when)
    return dataclasses.replace(first, domain=domain, only=only, when=when)


def _union(switch: str, owners: Mapping[str, Parameter]) -> tuple[Options, tuple[Only, ...]]:
    """The options of any of `owners`, and what restricts them to those of each."""
    options: dict[Value, None] = {}
    groups: dict[tuple[tuple[Value, ...], tuple[Only, ...]], list[str]] = {}
    for name, parameter in owners.items():
        if not isinstance(parameter.domain, Options):
            raise ValueError(f"techniques of {switch} declare {parameter.name} in two ways: {', '.join(owners)}")
        options |= dict.fromkeys(parameter.domain.values)
        groups.setdefault((parameter.domain.values, parameter.only), []).append(name)
    only: list[Only] = []
    for (values, restrictions), names in groups.items():
        condition = When(switch, tuple(names))
        only += [Only((condition,), values)] if len(values) < len(options) else []
        only += [Only((condition, *restriction.when), restriction.values) for restriction in restrictions]
    return Options(tuple(options)), tuple(only)
