"""The ``space`` section of a sweep's file, as it is read into axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spaces.axis import Axis, parse_axis
from spaces.errors import Problem, illegal, near_miss, shown
from spaces.order import ORDER, order_parameter
from spaces.parameter import NONE, Parameter
from spaces.step import StepSpec


def read_section(section: object, steps: Sequence[StepSpec]) -> tuple[tuple[Axis, ...] | None, list[Problem]]:
    """An axis for each parameter of `steps`, and one for their order.

    Returns:
        The axes, or None if `section` is no mapping; and every unknown key and illegal value, with its key path. An
        axis has the legal values that were given: only ``none`` if there are none, the order of `steps` for their
        order.
    """
    reader = _Reader(steps)
    axes = reader.read() if reader.flatten(section) else None
    return axes, [Problem(f"space.{p.where}" if p.where else "space", p.message) for p in reader.problems]


class _Reader:
    """Everything found in a section so far.

    Attributes:
        given: The content that the file has for each parameter, by full name.
        lost: The parameters that the file seems to give, in a way that cannot be read.
        problems: Everything wrong, with key paths within the section.
    """

    def __init__(self, steps: Sequence[StepSpec]) -> None:
        self.steps = steps
        self.order = order_parameter(steps)
        self.parameters: list[Parameter] = [*(parameter for step in steps for parameter in step.parameters), self.order]
        self.given: dict[str, object] = {}
        self.lost: set[str] = set()
        self.problems: list[Problem] = []

    def flatten(self, section: object) -> bool:
        """Take ``{group: {key: given}}`` apart; False if it is no mapping."""
        groups: dict[str, list[str]] = {}
        for parameter in self.parameters:
            groups.setdefault(parameter.group, []).append(parameter.key)
        del groups[ORDER]  # it is a key of its own, not a group of keys
        legal = [*groups, ORDER]
        if not isinstance(section, Mapping):
            self._tell("", f"{shown(section)} is not a mapping; legal keys: {', '.join(legal)}")
            return False
        for group, content in section.items():
            if group == ORDER:
                self.given[ORDER] = content
            elif group not in groups:
                self._tell(str(group), illegal(group, legal))
                self._lose(near_miss(group, legal))
            elif not isinstance(content, Mapping):
                self._tell(group, f"{shown(content)} is not a mapping; legal keys: {', '.join(groups[group])}")
                self._lose(group)
            else:
                for key, value in content.items():
                    if key in groups[group]:
                        self.given[f"{group}.{key}"] = value
                    else:
                        self._tell(f"{group}.{key}", illegal(key, groups[group]))
                        if near := near_miss(key, groups[group]):
                            self.lost.add(f"{group}.{near}")
        return True

    def read(self) -> tuple[Axis, ...]:
        """An axis for every parameter: as given, else its default, else ``none`` for a step that is not asked for."""
        axes: dict[str, Axis] = {}
        for parameter in self.parameters:
            if parameter.name in self.given:
                axis, wrong = parse_axis(parameter, self.given[parameter.name])
                self.problems += wrong
                if axis:
                    axes[parameter.name] = axis
        if ORDER not in axes and self.order.default is not None:
            axes[ORDER] = Axis(ORDER, (self.order.default,))
        for step in self.steps:
            self._complete(step, axes)
        return tuple(axes.values())

    def _complete(self, step: StepSpec, axes: dict[str, Axis]) -> None:
        """Add the axes of `step` that the file does not give."""
        named = [p.name for p in step.parameters if p.name in self.given]
        unread: list[str] = []
        for parameter in step.parameters:
            if parameter.name in axes:
                continue
            if parameter.name in self.given or parameter.name in self.lost:
                unread.append(parameter.name)
            elif parameter is step.switch and not named:
                axes[parameter.name] = Axis(parameter.name, (NONE,))
            elif parameter.default is not None:
                axes[parameter.name] = Axis(parameter.name, (parameter.default,))
            elif parameter is step.switch:
                self._tell(parameter.name, f"is missing, but {', '.join(named)} needs it")
                unread.append(parameter.name)
            elif _may_apply(parameter, axes, step):
                self._tell(parameter.name, "is missing; give a value, a list or a range")
                unread.append(parameter.name)
            else:
                axes[parameter.name] = Axis(parameter.name, (NONE,))
        # Last: a condition on what could not be read is not met, so that nothing is missed on account of it.
        axes.update({name: Axis(name, (NONE,)) for name in unread})

    def _tell(self, where: str, message: str) -> None:
        self.problems.append(Problem(where, message))

    def _lose(self, group: str | None) -> None:
        """Note that no key of `group` that is not given elsewhere can be told."""
        self.lost |= {parameter.name for parameter in self.parameters if parameter.group == group}


def _may_apply(parameter: Parameter, axes: Mapping[str, Axis], step: StepSpec) -> bool:
    """Return True if some choice of the axes read so far makes `parameter` apply."""
    values = {name: axis.values for name, axis in axes.items()}
    if all(value == NONE for value in values.get(step.switch.name, (NONE,))):
        return False
    return all(
        any((value in condition.values) != condition.negated for value in values.get(condition.name, ()))
        for condition in parameter.when
    )
