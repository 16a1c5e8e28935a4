"""The job of the measuring process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.runtimes import Artifact, Origin, Target


@dataclass(frozen=True)
class Job:
    """The job of the measuring process.

    Attributes:
        artifact: The exported file.
        reference: What `latency_ratio` refers to.
        parent: What `latency_vs_parent` refers to.
        feed: An ``.npz`` file with the inputs of one call by name.
        target: What executes the files, where and how; its batch is that of the feed.
        budget_s: How long to go on for a narrower interval, beyond the first rounds.
        powercap: Where the kernel shows energy counters.
        origin: Where the runtime's class is found, if it does not come with Paredown.
    """

    artifact: Artifact
    reference: Artifact
    parent: Artifact
    feed: Path
    target: Target
    budget_s: float = 1.5
    powercap: Path = Path("/sys/class/powercap")
    origin: Origin | None = None

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The distinct files, the exported one first."""
        return tuple(dict.fromkeys((self.artifact, self.reference, self.parent)))

    def dumps(self) -> str:
        """The job as JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def loads(cls, text: str) -> Job:
        """The job that `dumps` wrote."""
        data = json.loads(text)
        artifact, reference, parent = (
            Artifact(Path(data[name]["path"]), data[name]["format"]) for name in ("artifact", "reference", "parent")
        )
        return cls(
            artifact,
            reference,
            parent,
            Path(data["feed"]),
            Target.from_json(data["target"]),
            data["budget_s"],
            Path(data["powercap"]),
            Origin.from_json(data["origin"]) if data["origin"] else None,
        )
