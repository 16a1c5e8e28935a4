"""The declaration of a technique, beside its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spaces import Params, Rule, When


def always(params: Params) -> bool:
    """True, whatever the parameters are."""
    return True


def never(params: Params) -> bool:
    """False, whatever the parameters are."""
    return False


@dataclass(frozen=True)
class Unsuited:
    """A kind of target for which a technique makes nothing of use.

    Attributes:
        reason: Why, as a part of a sentence that begins with the technique; measured, where it is a loss.
        device: The device of such targets.
        runtime: Their runtime; any, when empty.
    """

    reason: str
    device: str
    runtime: str = ""

    def holds(self, runtime: str, device: str) -> bool:
        """Return True for targets with this `runtime` and `device`."""
        return device == self.device and self.runtime in ("", runtime)


@dataclass(frozen=True)
class Declaration:
    """Facts that are known before anything is built; a technique with nothing to add has ``Declaration()``.

    Attributes:
        rules: Combinations that are impossible or pointless with it, each with its reason.
        improves: The metrics that it can improve, if it cannot improve others; empty if it may improve any.
        more_with: Beside what it may improve others all the same.
        knows_structure: Whether, given the step's parameters by key, the structure that it leaves depends on nothing
            but the structure that it is given, not on values of weights; see `pipelines.forecast`.
        formats: The names of the formats that it works on, for what works on files; empty for all else.
        runtimes: The names of the only runtimes that its files are for; empty if any will do.
        unsuited: The targets among these for which its files are of no use.
        packages: The optional packages that it needs, whose versions change its result.
    """

    rules: tuple[Rule, ...] = ()
    improves: tuple[str, ...] = ()
    more_with: tuple[When, ...] = ()
    knows_structure: Callable[[Params], bool] = never
    formats: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    unsuited: tuple[Unsuited, ...] = ()
    packages: tuple[str, ...] = ()
