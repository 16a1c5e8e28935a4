"""A trial's outcome: complete with a measurement, failed, or stopped early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from pipelines.measurement import Measurement
from pipelines.redaction import redact


@dataclass(frozen=True)
class Complete:
    """The recipe became a file, and the file was measured.

    Attributes:
        measurement: What every meter found out about the file.
        model: The key of the file in the store.
    """

    state: ClassVar[Literal["complete"]] = "complete"

    measurement: Measurement
    model: str


@dataclass(frozen=True)
class Failed:
    """The recipe cannot become a measured file, or its worker died.

    Attributes:
        reason: Why, and what to do about it where that is known.
        details: The traceback of an unexpected failure.
    """

    state: ClassVar[Literal["failed"]] = "failed"

    reason: str
    details: str = ""

    def __post_init__(self) -> None:
        """Leave secrets out: reasons are shown, logged and kept."""
        object.__setattr__(self, "reason", redact(self.reason))
        object.__setattr__(self, "details", redact(self.details))

    @property
    def headline(self) -> str:
        """The first line of the reason."""
        return self.reason.partition("\n")[0]


@dataclass(frozen=True)
class Stopped:
    """The trial was stopped early: its numbers would be those of an unfinished network, so it has none.

    Attributes:
        reason: Why; see `search.stopping.stopping`.
    """

    state: ClassVar[Literal["stopped"]] = "stopped"

    reason: str


Outcome: TypeAlias = Complete | Failed | Stopped


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """`outcome` as plain data, tagged with its state."""
    return {"state": outcome.state, **asdict(outcome)}


def outcome_from_json(data: Mapping[str, Any]) -> Outcome:
    """The outcome that `outcome_to_json` wrote.

    Raises:
        ValueError: the tag is none that this version knows.
    """
    match data["state"]:
        case Complete.state:
            return Complete(Measurement.from_json(data["measurement"]), data["model"])
        case Failed.state:
            return Failed(data["reason"], data["details"])
        case Stopped.state:
            return Stopped(data["reason"])
        case state:
            raise ValueError(f"a trial's outcome is complete, failed or stopped, not {state!r}")
