"""The ``space`` section of a sweep's file, as it is read into axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spaces.axis import Axis, parse_axis
from spaces.errors import InputError, Problem, illegal
from spaces.order import ORDER, order_parameter
from spaces.parameter import NONE, Parameter
from spaces.step import StepSpec


def read_section(section: object, steps: Sequence[StepSpec]) -> tuple[Axis, ...]:
    """An axis for each parameter of `steps`, and one for their order.

    Raises:
        InputError: every unknown key and illegal value, with its key path.
    """
    order = order_parameter(steps)
    try:
        given = _flatten(section, [*(parameter for step in steps for parameter in step.parameters), order])
        axes, problems = _read_axes(given, steps, order)
    except InputError as error:
        axes, problems = [], list(error.problems)
    if problems:
        raise InputError(Problem(f"space.{p.where}" if p.where else "space", p.message) for p in problems)
    return tuple(axes)


def _flatten(section: object, parameters: Sequence[Parameter]) -> dict[str, object]:
    """``{group: {key: given}}`` as ``{group.key: given}``."""
    groups: dict[str, list[str]] = {}
    for parameter in parameters:
        groups.setdefault(parameter.group, []).append(parameter.key)
    del groups[ORDER]  # it is a key of its own, not a group of keys
    legal = [*groups, ORDER]
    if not isinstance(section, Mapping):
        raise InputError.at("", f"{section!r} is not a mapping; legal keys: {', '.join(legal)}")
    given: dict[str, object] = {}
    problems = []
    for group, content in section.items():
        if group == ORDER:
            given[ORDER] = content
        elif group not in groups:
            problems.append(Problem(str(group), illegal(group, legal)))
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


def _read_axes(
    given: Mapping[str, object], steps: Sequence[StepSpec], order: Parameter
) -> tuple[list[Axis], list[Problem]]:
    """An axis for every parameter: as given, else its default, else ``none`` for a step that is not asked for."""
    parameters = [*(parameter for step in steps for parameter in step.parameters), order]
    read, problems = _read_given(given, parameters)
    if ORDER not in given and order.default is not None:
        read[ORDER] = Axis(ORDER, (order.default,))
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
