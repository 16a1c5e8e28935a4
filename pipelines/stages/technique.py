"""From a registry of techniques to the parameters of the step that they serve."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from spaces import NONE, Gain, Options, Parameter, Rule, Value, When


class Technique(Protocol):
    """What the registries have in common: a technique declares the parameters that it reads.

    It may have two attributes more:
        ``rules: tuple[Rule, ...]``: with what else it is impossible or pointless; see `rules_of`.
        ``improves: tuple[str, ...]``: the metrics that it can improve, if it cannot improve others; see `gains_of`.
    """

    parameters: tuple[Parameter, ...]


def switched(
    switch: str, techniques: Mapping[str, Technique], *, default: Value | None = None, help: str = ""
) -> tuple[Parameter, ...]:
    """The step's switch, which selects a technique, and every technique's parameters, under that condition.

    A parameter that several techniques declare is one parameter, which applies with any of them.

    Raises:
        ValueError: two techniques declare one parameter differently.
    """
    parameters = [Parameter(switch, Options((NONE, *techniques)), default=default, help=help)]
    owners: dict[Parameter, list[str]] = {}
    for name, technique in techniques.items():
        for parameter in technique.parameters:
            owners.setdefault(parameter, []).append(name)
    for parameter, names in owners.items():
        condition = When(switch, tuple(names))
        parameters.append(dataclasses.replace(parameter, when=(condition, *parameter.when)))
    if len({parameter.name for parameter in parameters}) != len(parameters):
        raise ValueError(f"techniques of {switch} declare one parameter in two ways: {[p.name for p in parameters]}")
    return tuple(parameters)


def rules_of(switch: str, techniques: Mapping[str, Technique]) -> tuple[Rule, ...]:
    """The rules that `techniques` declare, each under the condition that `switch` selects one that declares it."""
    owners: dict[Rule, list[str]] = {}
    for name, technique in techniques.items():
        for rule in getattr(technique, "rules", ()):
            owners.setdefault(rule, []).append(name)
    return tuple(
        dataclasses.replace(rule, when=(When(switch, tuple(names)), *rule.when)) for rule, names in owners.items()
    )


def gains_of(switch: str, techniques: Mapping[str, Technique]) -> tuple[Gain, ...]:
    """What the techniques that declare it can improve, when `switch` selects them."""
    return tuple(
        Gain(When(switch, (name,)), tuple(technique.improves))
        for name, technique in techniques.items()
        if hasattr(technique, "improves")
    )
