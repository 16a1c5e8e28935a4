"""A remeasurement: files of one sweep measured side by side after the search, kept beside its study."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import RUNTIMES, Targets
from pipelines.bench.conditions import processor
from pipelines.extra import installed_version
from pipelines.whole_file import write_json
from search.study.trial import Result, Trial


@dataclass(frozen=True)
class Remeasurement:
    """A front measured again.

    Attributes:
        targets: In what and how.
        results: One for each trial; failed where the file does not run there.
        started: Seconds since the epoch.
        finished: Seconds since the epoch.
        machine: Where: the computer's name and its processor's.
        versions: The runtime's packages and their versions.
    """

    targets: Targets
    results: tuple[Result, ...]
    started: float
    finished: float
    machine: str
    versions: dict[str, str]

    @classmethod
    def here(cls, targets: Targets, results: Iterable[Result], started: float, finished: float) -> Remeasurement:
        """A remeasurement on this machine, and on those that offer the resources of targets."""
        elsewhere = dict.fromkeys(target.resource for _, target in targets if target.resource)
        here = [target for _, target in targets if not target.resource]
        packages = dict.fromkeys(package for target in here for package in RUNTIMES[target.runtime].packages)
        machines = [f"nodes that offer {resource}" for resource in elsewhere]
        machines += [f"{platform.node()} ({processor()})"] if here else []
        versions = {package: installed_version(package) for package in packages}
        return cls(targets, tuple(results), started, finished, ", ".join(machines), versions)

    @property
    def name(self) -> str:
        """The name of its file without the ending: its time and its targets."""
        stamp = datetime.fromtimestamp(self.started, UTC).strftime("%Y%m%dT%H%M%S")
        return f"{stamp}-{self.targets.slug}"

    def overlay(self, trials: Iterable[Trial]) -> list[Trial]:
        """`trials` with the results of this remeasurement in place of their own, where it has one."""
        mine = {result.number: result for result in self.results}
        return [trial.finish(mine[trial.number]) if trial.number in mine else trial for trial in trials]

    def measured(self, trials: Iterable[Trial]) -> list[Trial]:
        """Those of `trials` that are part of this remeasurement, with its results."""
        mine = {result.number for result in self.results}
        return self.overlay(trial for trial in trials if trial.number in mine)

    def write(self, folder: Path) -> Path:
        """Put it down in `folder`: whole or not at all; an earlier one of the same second gives way."""
        path = folder / f"{self.name}.json"
        data = {name: value for name, value in asdict(self).items() if name != "targets"}
        write_json(path, data | self.targets.to_json() | {"results": [result.to_json() for result in self.results]})
        return path

    @classmethod
    def read(cls, path: Path) -> Remeasurement:
        """The remeasurement that `write` put down."""
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        results = tuple(Result.from_json(result) for result in data["results"])
        rest = {name: value for name, value in data.items() if name not in ("target", "targets")}
        return cls(**{**rest, "targets": Targets.from_json(data), "results": results})


def latest(folder: Path, targets: Targets) -> Remeasurement | None:
    """The last remeasurement in `folder` for `targets`, or None if there was none."""
    found = [
        remeasurement
        for path in sorted(folder.glob("*.json"))
        if (remeasurement := Remeasurement.read(path)).targets == targets
    ]
    return max(found, key=lambda remeasurement: remeasurement.started, default=None)
