"""The choice of an optimizer: a name in ``torch.optim`` and arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from spaces import illegal, shown

OURS = ("params", "lr", "weight_decay", "fused", "foreach", "capturable", "differentiable", "maximize")
"""Arguments that are no part of a choice: sweeps have settings of their own for them, or the device decides."""

UNFIT = {
    "LBFGS": "it evaluates the loss several times a step",
    "SparseAdam": "it takes sparse gradients only",
    "Muon": "it takes matrices only, and networks have biases, too",
}
"""Optimizers of torch that cannot train just any network, with the reason."""


@dataclass(frozen=True)
class OptimizerChoice:
    """One of the optimizers in ``torch.optim`` that take parameters and a rate.

    Attributes:
        name: As torch spells it, in small letters.
        arguments: What it is told besides rate and weight decay.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Any) -> OptimizerChoice:
        """Return what a sweep's file means by `given`: a name, or a mapping of ``name`` and arguments.

        Raises:
            ValueError: there is no such optimizer, it cannot be used here, or it refuses the arguments.
        """
        if isinstance(given, OptimizerChoice):
            return given
        data = {"name": given} if isinstance(given, str) else given
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
            raise ValueError(f"{shown(given)} is neither a name such as sgd nor a mapping such as {{name: sgd}}")
        name, arguments = data["name"].lower(), {key: value for key, value in data.items() if key != "name"}
        if name == ADAMW.name and not arguments:
            return ADAMW  # the default, for which torch need not be imported
        names = optimizers()
        if unfit := next((why for real, why in UNFIT.items() if real.lower() == name), None):
            raise ValueError(f"{shown(data['name'])} cannot be used here: {unfit}; legal: {', '.join(names)}")
        if name not in names:
            raise ValueError(illegal(data["name"], list(names)))
        choice = cls(name, {key: tuple(v) if isinstance(v, list) else v for key, v in arguments.items()})
        choice._check()
        return choice

    def dump(self) -> dict[str, Any]:
        """Return it as a mapping of ``name`` and arguments, in plain data."""
        plain = {key: list(v) if isinstance(v, tuple) else v for key, v in self.arguments.items()}
        return {"name": self.name, **plain}

    def has(self, parameter: str) -> bool:
        """Return True if the optimizer takes an argument called so."""
        return parameter in inspect.signature(optimizers()[self.name]).parameters

    def make(self, parameters: Iterable[Any], learning_rate: Any, weight_decay: float, **extra: Any) -> Any:
        """Return the optimizer of `parameters`.

        Args:
            parameters: What it changes.
            learning_rate: A number, or a scalar tensor that may be changed.
            weight_decay: Ignored where it has none.
            extra: More arguments, such as ``fused``.

        Raises:
            ValueError: it refuses the arguments.
        """
        given = {**self.arguments, **extra, **({"weight_decay": weight_decay} if self.has("weight_decay") else {})}
        return optimizers()[self.name](parameters, lr=learning_rate, **given)

    def _check(self) -> None:
        """See to it that torch takes the arguments: by its signature, and by trying.

        Raises:
            ValueError: it does not.
        """
        import torch

        legal = [name for name in inspect.signature(optimizers()[self.name]).parameters if name not in OURS]
        for key in self.arguments:
            if key in ("lr", "weight_decay"):
                own = {"lr": "learning_rate"}.get(key, key)
                raise ValueError(f"{self.name} has {key}: that is training.{own}")
            if key not in legal:
                raise ValueError(f"an argument of {self.name}: {illegal(key, legal)}")
        try:
            self.make([torch.nn.Parameter(torch.zeros(1))], 1e-3, 0.0)
        except (TypeError, ValueError, AssertionError, RuntimeError) as error:
            raise ValueError(f"{self.name} refuses its arguments: {error}") from None


ADAMW = OptimizerChoice("adamw")


@cache
def optimizers() -> Mapping[str, Any]:
    """The classes in ``torch.optim`` that take parameters and a rate, by name in small letters."""
    import torch

    found = {}
    for name, value in vars(torch.optim).items():
        is_one = inspect.isclass(value) and issubclass(value, torch.optim.Optimizer) and name not in UNFIT
        if is_one and {"params", "lr"} <= set(inspect.signature(value).parameters):
            found[name.lower()] = value
    return found
