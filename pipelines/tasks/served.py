"""A network of a person's, served: called with a flat tuple of tensors, it gives tensors, the scored one first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from pipelines.tasks.tensors import Outputs, Tensors, names_of, outputs_of

USUAL = ("logits", "out", "output")
"""Of several outputs the first of these names is scored, if the task says nothing: what Hugging Face and torchvision
call it."""


@dataclass(frozen=True)
class Served:
    """How one network is called and answers, as two hooks on it: its modules keep their names and their places.

    Attributes:
        inputs: The names of the arguments, in the order of the tuple that it is called with; None if it takes them by
            position.
        outputs: The names of the outputs that are exported, the scored one first; all that it gives, when empty.
    """

    inputs: tuple[str, ...] | None
    outputs: tuple[str, ...] = ()

    def name_inputs(self, network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        """A forward pre-hook: positional arguments become those of the same names."""
        if self.inputs is None or kwargs or len(args) != len(self.inputs):
            return None
        return (), dict(zip(self.inputs, args, strict=True))

    def choose_outputs(self, network: nn.Module, args: object, given: object) -> Any:
        """A forward hook: of a structure the tensors in it; in evaluation mode those that are exported.

        While it trains a network may give more, such as the outputs of auxiliary heads: they all go to the loss.
        """
        if isinstance(given, Tensor):
            return given
        found = outputs_of(given)
        if found is None or isinstance(found, Tensor):
            return given if found is None else found
        names = self._order(found.names, only=not network.training)
        chosen = Tensors(names, [found[name] for name in names])
        return chosen[0] if len(chosen) == 1 else chosen

    def _order(self, there: Sequence[str], only: bool) -> list[str]:
        if wrong := [name for name in self.outputs if name not in there]:
            raise ValueError(f"the task's outputs name {', '.join(wrong)}; the network gives {', '.join(there)}")
        wanted = self.outputs or [name for name in USUAL if name in there][:1]
        rest = [] if only and self.outputs else [name for name in there if name not in wanted]
        return [*wanted, *rest]


def served(network: nn.Module, task: object) -> nn.Module:
    """`network` itself, made to be called as `Served` says; once is enough.

    What is no network is left to whoever tells of it.
    """
    if not isinstance(network, nn.Module) or any(isinstance(_owner(hook), Served) for hook in _hooks(network)):
        return network
    example = getattr(task, "example_input", None)
    given = example() if callable(example) else None
    how = Served(names_of(given), wanted_outputs(task))
    if how.inputs is not None:
        network.register_forward_pre_hook(how.name_inputs, with_kwargs=True)
    network.register_forward_hook(how.choose_outputs)
    return network


def wanted_outputs(task: object) -> tuple[str, ...]:
    """The names of the outputs that `task` has exported, the scored one first; empty for all."""
    named = getattr(task, "outputs", None)
    return (named,) if isinstance(named, str) else tuple(named or ())


def _hooks(network: nn.Module) -> list[object]:
    return [*network._forward_hooks.values()]


def _owner(hook: object) -> object:
    return getattr(hook, "__self__", None)


def as_outputs(arrays: Mapping[str, Tensor]) -> Outputs:
    """The outputs of an exported file by name, as its network gives them."""
    return next(iter(arrays.values())) if len(arrays) == 1 else Tensors(arrays, arrays.values())
