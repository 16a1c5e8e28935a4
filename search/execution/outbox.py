"""Where a worker writes its results, its notices and its last words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import ray

from search.execution.last_words import words_file
from search.execution.notices import leave_notice, this_process
from search.study.trial import Result


class Outbox(Protocol):
    """The way from a worker to the driver."""

    def begin(self, number: int) -> Path:
        """Say that trial `number` begins here; the file for last words."""

    def write(self, result: Result) -> None:
        """Write a result down: it is on the driver's disk when this returns."""

    def say(self, words: str) -> None:
        """Leave a notice for the driver."""


@dataclass(frozen=True)
class OwnOutbox:
    """The way of a worker that sees the driver's workspace.

    Attributes:
        results: The folder of results there.
    """

    results: Path

    def begin(self, number: int) -> Path:
        """See `Outbox.begin`."""
        return words_file(self.results, number)

    def write(self, result: Result) -> None:
        """See `Outbox.write`."""
        result.write(self.results)

    def say(self, words: str) -> None:
        """See `Outbox.say`."""
        leave_notice(self.results, words)


@dataclass(frozen=True)
class HubOutbox:
    """The way of a worker that does not: by the hub.

    Attributes:
        hub: The actor.
        words: The folder of this machine for last words.
    """

    hub: Any
    words: Path

    def begin(self, number: int) -> Path:
        """See `Outbox.begin`."""
        file = words_file(self.words, number)
        self.hub.begin.remote(number, str(file))
        return file

    def write(self, result: Result) -> None:
        """See `Outbox.write`."""
        ray.get(self.hub.write.remote(result))

    def say(self, words: str) -> None:
        """See `Outbox.say`."""
        self.hub.say.remote(words, this_process())
