"""From a registry of techniques to the parameters of the step that they serve."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from spaces import NONE, Options, Parameter, Value, When


class Technique(Protocol):
    """What the registries have in common: a technique declares the parameters that it reads."""

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
