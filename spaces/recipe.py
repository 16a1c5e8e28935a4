"""A recipe: the ordered compression steps of one trial, in canonical form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from spaces.digest import digest
from spaces.errors import InputError, Problem, illegal, listed, shown
from spaces.order import ORDER, flow_problem, join, restrict
from spaces.parameter import NONE, Params, Value
from spaces.step import StepSpec


@dataclass(frozen=True)
class Step:
    """One step of a recipe: its name and the parameters that apply, sorted by key."""

    name: str
    items: tuple[tuple[str, Value], ...]

    @property
    def params(self) -> dict[str, Value]:
        """The parameters by key (without their group)."""
        return dict(self.items)


@dataclass(frozen=True)
class Recipe:
    """Ordered compression steps. Two recipes that mean the same are equal and have the same digest.

    The empty recipe is the uncompressed teacher.
    """

    steps: tuple[Step, ...] = ()

    @classmethod
    def from_params(cls, params: Params, specs: Sequence[StepSpec]) -> Recipe:
        """The recipe that `params` (by full name) describe; what does not apply is left out.

        The steps come in the order that `params` give under ``order``, else in that of `specs`.

        Raises:
            KeyError: a parameter that applies has no value.
        """
        steps = {}
        for spec in specs:
            values = spec.walk(lambda parameter: params[parameter.name])
            if values[spec.switch.name] != NONE:
                keys = {parameter.name: parameter.key for parameter in spec.parameters}
                items = tuple(sorted((keys[name], value) for name, value in values.items()))
                steps[spec.name] = Step(spec.name, items)
        order = str(params.get(ORDER, join([spec.name for spec in specs])))
        return cls(tuple(steps[name] for name in restrict(order, steps)))

    @cached_property
    def digest(self) -> str:
        """The recipe's name for machines: 32 hexadecimal digits."""
        return digest(self.to_list())

    def parent(self) -> Recipe:
        """The recipe without its last step; the empty recipe is its own parent."""
        return Recipe(self.steps[:-1])

    def label(self, specs: Sequence[StepSpec]) -> str:
        """The recipe's name for people, such as ``d2·ch0.5·static-int8``; the empty recipe is ``teacher``."""
        labels = {spec.name: spec.label for spec in specs}
        return "·".join(labels[step.name](step.params) for step in self.steps) or "teacher"

    def to_list(self) -> list[dict[str, dict[str, Value]]]:
        """Plain data for YAML and JSON: ``[{"distil": {"depth": 2, …}}, …]``."""
        return [{step.name: step.params} for step in self.steps]

    @classmethod
    def from_list(cls, data: object, specs: Sequence[StepSpec], *, recorded: bool = False) -> Recipe:
        """The recipe written as `data` (see `to_list`); parameters left out get their defaults.

        Args:
            data: Steps in the order in which they are taken.
            specs: The steps that exist.
            recorded: It was run once, so that no rule refuses it now.

        Raises:
            InputError: every step, key and value that is not legal, or the rules that rule it out.
        """
        params, problems = _read_steps(data, specs)
        if problems:
            raise InputError(problems)
        recipe = cls.from_params(params, specs)
        if recorded:
            return recipe
        names, active = [step.name for step in recipe.steps], _active(params, specs)
        if broken := [rule for spec in specs for rule in spec.rules if rule.broken_by(active, names)]:
            raise InputError(Problem("recipe", f"is ruled out: {rule}") for rule in broken)
        return recipe


def _read_steps(data: object, specs: Sequence[StepSpec]) -> tuple[dict[str, Value], list[Problem]]:
    form = "a recipe is a list of steps such as '- quantize: {scheme: static-int8}'"
    if not isinstance(data, list):
        return {}, [Problem("recipe", form)]
    by_name = {spec.name: spec for spec in specs}
    params: dict[str, Value] = {spec.switch.name: NONE for spec in specs}
    problems: list[Problem] = []
    taken: list[StepSpec] = []
    for index, entry in enumerate(data):
        if not isinstance(entry, Mapping) or len(entry) != 1:
            problems.append(Problem(f"recipe[{index}]", form))
            continue
        ((name, given),) = entry.items()
        if name not in by_name:
            problems.append(Problem(f"recipe[{index}]", illegal(name, list(by_name))))
            continue
        values, wrong = _read_step(by_name[name], given, f"recipe[{index}].{name}")
        params |= values
        problems += wrong
        if values.get(by_name[name].switch.name) == NONE:
            continue
        taken.append(by_name[name])
        # Said once for each step that is wrong where it is, not again for those after it.
        if reason := flow_problem(taken):
            problems.append(Problem(f"recipe[{index}]", reason))
            taken.pop()
    names = [spec.name for spec in taken]
    params[ORDER] = join([*names, *(name for name in by_name if name not in names)])
    return params, problems


def _active(params: Params, specs: Sequence[StepSpec]) -> dict[str, Value]:
    """Those of `params` that apply."""
    walks = (spec.walk(lambda parameter: params[parameter.name]) for spec in specs)
    return {name: value for walk in walks for name, value in walk.items()}


def _read_step(spec: StepSpec, given: object, where: str) -> tuple[dict[str, Value], list[Problem]]:
    if not isinstance(given, Mapping):
        return {}, [Problem(where, f"{shown(given)} is not a mapping of parameters")]
    keys = {parameter.key: parameter for parameter in spec.parameters}
    problems = [Problem(f"{where}.{key}", illegal(key, list(keys))) for key in given if key not in keys]
    values: dict[str, Value] = {}
    for key, parameter in keys.items():
        value = given.get(key, parameter.default)
        if value is None:
            # A value that is only sometimes needed is asked for when it applies.
            off = values.get(spec.switch.name) == NONE
            if parameter is spec.switch or (not off and parameter.applies(values)):
                problems.append(Problem(f"{where}.{key}", f"is missing; legal: {_legal(parameter.domain)}"))
        elif message := parameter.domain.problem(value):
            problems.append(Problem(f"{where}.{key}", message))
        else:
            values[parameter.name] = value
    applied = set() if problems else set(spec.walk(lambda parameter: values[parameter.name]))
    if not problems:
        for key in given:
            if keys[key].name not in applied:
                problems.append(Problem(f"{where}.{key}", "means nothing beside the other parameters; leave it out"))
    return values, problems


def _legal(domain: object) -> str:
    return listed(values) if (values := getattr(domain, "values", None)) else str(domain)
