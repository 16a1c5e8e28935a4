"""The declaration of one compression step: its name, its parameters, and how it is written in a label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from spaces.gain import Gain
from spaces.parameter import NONE, Parameter, Params, Value
from spaces.requirement import Requirement
from spaces.rule import Rule

Form = Literal["network", "file"]
"""What is worked on: a network in memory, or an exported file. A network becomes a file, and never the reverse."""


@dataclass(frozen=True)
class StepSpec:
    """One kind of compression step, such as ``prune``.

    The first parameter is the step's switch: with the value ``none`` the step is left out, and with it every
    other parameter of the step. Conditions may name only parameters declared before.

    Attributes:
        name: How a recipe calls the step.
        parameters: The switch first, then what refines it.
        label: A short word for a step with the given parameters (keys without their group).
        takes: What it needs. A step that takes a network cannot come after one that gives a file.
        gives: What it leaves for the steps after it.
        rules: The combinations that are ruled out on its account; they may name other steps' parameters.
        gains: What its techniques can improve; one that is not named here may improve anything.
        requires: What its choices need from the rest of the sweep's file.
    """

    name: str
    parameters: tuple[Parameter, ...]
    label: Callable[[Params], str]
    takes: Form = "network"
    gives: Form = "network"
    rules: tuple[Rule, ...] = ()
    gains: tuple[Gain, ...] = ()
    requires: tuple[Requirement, ...] = ()

    def __post_init__(self) -> None:
        if "-" in self.name:
            raise ValueError(f"step {self.name!r} has a '-' in its name, which joins the steps of an order")
        seen: set[str] = set()
        for parameter in self.parameters:
            for condition in parameter.when:
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
