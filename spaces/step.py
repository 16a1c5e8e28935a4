"""The declaration of one compression step: its name, its parameters, and how it is written in a label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spaces.parameter import NONE, Parameter, Params, Value


@dataclass(frozen=True)
class StepSpec:
    """One kind of compression step, such as ``prune``.

    The first parameter is the step's switch: with the value ``none`` the step is left out, and with it every
    other parameter of the step. Conditions may name only parameters declared before.

    Attributes:
        name: How a recipe calls the step.
        parameters: The switch first, then what refines it.
        label: A short word for a step with the given parameters (keys without their group).
    """

    name: str
    parameters: tuple[Parameter, ...]
    label: Callable[[Params], str]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for parameter in self.parameters:
            for condition in (*parameter.when, *(c for only in parameter.only for c in only.when)):
                if condition.name not in seen:
                    raise ValueError(f"{parameter.name} depends on {condition.name}, which is not declared before it")
            seen.add(parameter.name)
        keys = [parameter.key for parameter in self.parameters]
        if len(set(keys)) != len(keys):
            raise ValueError(f"step {self.name!r} has two parameters with the same key: {keys}")

    @property
    def switch(self) -> Parameter:
        """The parameter that turns the step on."""
        return self.parameters[0]

    def walk(self, choose: Callable[[Parameter], Value]) -> dict[str, Value]:
        """Ask `choose` for each parameter that applies, in order, given the values chosen so far.

        Returns:
            The values of the parameters that apply, by full name. Only the switch if the step is left out.
        """
        values = {self.switch.name: choose(self.switch)}
        if values[self.switch.name] == NONE:
            return values
        for parameter in self.parameters[1:]:
            if parameter.applies(values):
                values[parameter.name] = choose(parameter)
        return values
