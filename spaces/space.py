"""The space of a sweep: every recipe that it may try."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from spaces.axis import Axis, parse_axis
from spaces.errors import InputError, Problem, illegal
from spaces.parameter import NONE, Parameter, Value
from spaces.recipe import Recipe
from spaces.step import StepSpec


@dataclass(frozen=True)
class SearchSpace:
    """The axes of a sweep over the steps that exist, with the conditions between them.

    Attributes:
        steps: The steps in the order in which they are applied.
        axes: One axis for each parameter of the steps.
    """

    steps: tuple[StepSpec, ...]
    axes: tuple[Axis, ...]

    @classmethod
    def parse(cls, section: object, steps: Sequence[StepSpec]) -> SearchSpace:
        """Read the ``space`` section of a sweep's file.

        A group that is absent switches its step off; a parameter that is absent has its default.

        Raises:
            InputError: every unknown key and illegal value, with its key path.
        """
        try:
            given = _flatten(section, [parameter for step in steps for parameter in step.parameters])
            axes, problems = _read_axes(given, steps)
        except InputError as error:
            axes, problems = [], list(error.problems)
        space = cls(tuple(steps), tuple(axes))
        problems = problems or space._impossible()
        if problems:
            raise InputError(Problem(f"space.{p.where}" if p.where else "space", p.message) for p in problems)
        return space

    def axis(self, name: str) -> Axis:
        """The axis of the parameter called `name`."""
        return self._by_name[name]

    @property
    def _by_name(self) -> dict[str, Axis]:
        return {axis.name: axis for axis in self.axes}

    def sample(self, suggest: Callable[[Axis], Value]) -> dict[str, Value]:
        """Choose one point: `suggest` is asked once for each axis that applies and has a choice.

        It need not know what cannot go together: a value that cannot be beside those chosen before stands for one of
        the axis' values that can.

        Returns:
            The values of all parameters that apply, by full name.
        """
        axes, chosen = self._by_name, dict[str, Value]()

        def choose(parameter: Parameter) -> Value:
            axis = axes[parameter.name]
            possible = [value for value in axis.values if parameter.problem(value, chosen) is None]
            value = suggest(axis) if len(possible) > 1 else possible[0]
            if value not in possible:
                value = possible[axis.values.index(value) % len(possible)]
            chosen[parameter.name] = value
            return value

        return {name: value for step in self.steps for name, value in step.walk(choose).items()}

    def recipe(self, params: Mapping[str, Value]) -> Recipe:
        """The recipe that `params` (by full name) describe."""
        return Recipe.from_params(params, self.steps)

    def size(self) -> int:
        """How many distinct recipes the space has."""
        return math.prod(len(choices) for choices in self._choices())

    def points(self) -> Iterator[dict[str, Value]]:
        """The parameters of every distinct recipe, lazily, in a fixed order."""
        for combination in product(*self._choices()):
            yield {name: value for values in combination for name, value in values.items()}

    def _choices(self) -> list[list[dict[str, Value]]]:
        """For each step, all it may do: steps are independent of each other, so a recipe takes one of each."""
        return [self._step_choices(step) for step in self.steps]

    def _step_choices(self, step: StepSpec, before: Parameter | None = None) -> list[dict[str, Value]]:
        """All that `step` may do; only what its parameters declared before `before` may be, if that is given."""
        axes = self._by_name
        partial: list[dict[str, Value]] = [{}]
        for parameter in step.parameters:
            if parameter is before:
                break
            grown = []
            for values in partial:
                if _is_asked(parameter, step, values):
                    possible = (v for v in axes[parameter.name].values if parameter.problem(v, values) is None)
                    grown += [{**values, parameter.name: value} for value in possible]
                else:
                    grown.append(values)
            partial = grown
        return partial

    def _impossible(self) -> list[Problem]:
        """Values that can never be chosen, and choices that leave a parameter without a value."""
        problems: dict[Problem, None] = {}
        for step in self.steps:
            for parameter in (parameter for parameter in step.parameters if parameter.only):
                axis = self.axis(parameter.name)
                asked = [v for v in self._step_choices(step, before=parameter) if _is_asked(parameter, step, v)]
                table = [[parameter.problem(value, values) for value in axis.values] for values in asked]
                rows = [row[0] for row in table if all(row)]
                columns = [column[0] for column in zip(*table, strict=True) if all(column)]
                problems |= {Problem(parameter.name, message): None for message in (*columns, *rows) if message}
        return list(problems)


def _is_asked(parameter: Parameter, step: StepSpec, values: Mapping[str, Value]) -> bool:
    """Whether `parameter` has a value beside the `values` chosen before it."""
    on = parameter is step.switch or values[step.switch.name] != NONE
    return on and parameter.applies(values)


def _flatten(section: object, parameters: Sequence[Parameter]) -> dict[str, object]:
    """``{group: {key: given}}`` as ``{group.key: given}``."""
    groups: dict[str, list[str]] = {}
    for parameter in parameters:
        groups.setdefault(parameter.group, []).append(parameter.key)
    if not isinstance(section, Mapping):
        raise InputError.at("", f"{section!r} is not a mapping; legal keys: {', '.join(groups)}")
    given: dict[str, object] = {}
    problems = []
    for group, content in section.items():
        if group not in groups:
            problems.append(Problem(str(group), illegal(group, list(groups))))
        elif not isinstance(content, Mapping):
            problems.append(Problem(group, f"{content!r} is not a mapping; legal keys: {', '.join(groups[group])}"))
        else:
            for key, value in content.items():
                if key not in groups[group]:
                    problems.append(Problem(f"{group}.{key}", illegal(key, groups[group])))
                given[f"{group}.{key}"] = value
    if problems:
        # What is legal is checked too, so that one reading shows everything.
        problems += _read_given(given, parameters)[1]
        raise InputError(problems)
    return given


def _read_given(
    given: Mapping[str, object], parameters: Sequence[Parameter]
) -> tuple[dict[str, Axis | None], list[Problem]]:
    axes: dict[str, Axis | None] = {}
    problems: list[Problem] = []
    for parameter in parameters:
        if parameter.name in given:
            axes[parameter.name], wrong = parse_axis(parameter, given[parameter.name])
            problems += wrong
    return axes, problems


def _read_axes(given: Mapping[str, object], steps: Sequence[StepSpec]) -> tuple[list[Axis], list[Problem]]:
    """An axis for every parameter: as given, else its default, else ``none`` for a step that is not asked for."""
    parameters = [parameter for step in steps for parameter in step.parameters]
    read, problems = _read_given(given, parameters)
    axes = [axis for axis in read.values() if axis]
    for step in steps:
        named = [p.name for p in step.parameters if p.name in given]
        for parameter in step.parameters:
            if parameter.name in given:
                continue
            if parameter is step.switch and not named:
                axes.append(Axis(parameter.name, (NONE,)))
            elif parameter.default is not None:
                axes.append(Axis(parameter.name, (parameter.default,)))
            elif parameter is step.switch:
                problems.append(Problem(parameter.name, f"is missing, but {', '.join(named)} needs it"))
            elif _may_apply(parameter, axes, step):
                problems.append(Problem(parameter.name, "is missing; give a value, a list or a range"))
            else:
                axes.append(Axis(parameter.name, (NONE,)))
    return axes, problems


def _may_apply(parameter: Parameter, axes: Sequence[Axis], step: StepSpec) -> bool:
    """Whether some choice of the axes read so far makes `parameter` apply."""
    values = {axis.name: axis.values for axis in axes}
    if all(value == NONE for value in values.get(step.switch.name, (NONE,))):
        return False
    return all(
        any((value in condition.values) != condition.negated for value in values.get(condition.name, ()))
        for condition in parameter.when
    )
