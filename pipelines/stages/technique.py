"""From a registry of techniques to the parameters of the step that they serve."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Protocol

from pipelines.declaration import Declaration
from spaces import NONE, Gain, Options, Parameter, Rule, Value, When


class Technique(Protocol):
    """The protocol that the techniques of all registries share.

    Attributes:
        parameters: The parameters that it reads.
        declares: What else is known of it beforehand.
    """

    parameters: tuple[Parameter, ...]
    declares: Declaration


def switched(
    switch: str, techniques: Mapping[str, Technique], *, default: Value | None = None, help: str = ""
) -> tuple[Parameter, ...]:
    """The step's switch, which selects a technique, and every technique's parameters, under that condition.

    A parameter that several techniques declare is one parameter, which applies with any of them. They may declare
    different options of it: then all are options, and `rules_of` rules out those that a technique has not declared.

    Raises:
        ValueError: two techniques declare one parameter in ways that differ in more than options.
    """
    switching = Parameter(switch, Options((NONE, *techniques)), default=default, help=help)
    return (switching, *(_merged(switch, owners) for owners in _declared(techniques).values()))


def rules_of(switch: str, techniques: Mapping[str, Technique]) -> tuple[Rule, ...]:
    """The rules that `techniques` declare, each under the condition that `switch` selects one that declares it.

    With them come those that rule out the options of a parameter that only other techniques declare.
    """
    owners: dict[Rule, list[str]] = {}
    for name, technique in techniques.items():
        for rule in (*technique.declares.rules, *_foreign_options(name, techniques)):
            owners.setdefault(rule, []).append(name)
    return tuple(
        dataclasses.replace(rule, when=(When(switch, tuple(names)), *rule.when)) for rule, names in owners.items()
    )


def gains_of(switch: str, techniques: Mapping[str, Technique]) -> tuple[Gain, ...]:
    """Return what the techniques can improve that declare it, when `switch` selects them."""
    return tuple(
        Gain(When(switch, (name,)), technique.declares.improves, technique.declares.more_with)
        for name, technique in techniques.items()
        if technique.declares.improves
    )


def _declared(techniques: Mapping[str, Technique]) -> dict[str, dict[str, Parameter]]:
    """By the parameter's name, what each technique that has it declares."""
    declared: dict[str, dict[str, Parameter]] = {}
    for name, technique in techniques.items():
        for parameter in technique.parameters:
            declared.setdefault(parameter.name, {})[name] = parameter
    return declared


def _merged(switch: str, owners: Mapping[str, Parameter]) -> Parameter:
    """One parameter made of what each of `owners`, by the technique's name, declares."""
    domains = dict.fromkeys(parameter.domain for parameter in owners.values())
    domain = next(iter(domains))
    if len(domains) > 1 and all(isinstance(one, Options) for one in domains):
        domain = Options(tuple(dict.fromkeys(value for one in domains for value in _options(one))))
    merged = {dataclasses.replace(parameter, domain=domain) for parameter in owners.values()}
    if len(merged) > 1 or (len(domains) > 1 and not isinstance(domain, Options)):
        name = next(iter(owners.values())).name
        raise ValueError(f"techniques of {switch} declare {name} in two ways: {', '.join(owners)}")
    (parameter,) = merged
    return dataclasses.replace(parameter, when=(When(switch, tuple(owners)), *parameter.when))


def _foreign_options(technique: str, techniques: Mapping[str, Technique]) -> Iterator[Rule]:
    """For each parameter of `technique`, a rule against the options that it has with other techniques only."""
    for name, owners in _declared(techniques).items():
        if technique not in owners:
            continue
        own = _options(owners[technique].domain)
        foreign = {value for parameter in owners.values() for value in _options(parameter.domain)} - {*own}
        if foreign:
            yield Rule(f"legal there: {', '.join(map(str, own))}", when=(When(name, tuple(sorted(foreign, key=str))),))


def _options(domain: object) -> tuple[Value, ...]:
    return domain.values if isinstance(domain, Options) else ()
