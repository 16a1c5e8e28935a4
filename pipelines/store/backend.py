"""The protocols of places that keep entries: for those who look after them, and for what lies behind the folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipelines.store.entry import Record

T = TypeVar("T")


class StoreBackend(Protocol):
    """A place that keeps entries."""

    def records(self) -> Iterator[Record]:
        """Every entry, damaged ones too, without opening its files."""

    def about(self, key: str) -> Mapping[str, Any] | None:
        """The manifest of the entry `key`, or None if it has none that can be read."""

    def damaged(self, key: str) -> bool:
        """Return True if the entry `key` is there and its bytes are not what was written."""

    def remove(self, key: str) -> bool:
        """Remove the entry `key`, so that no reader takes a part of it for the whole; whether it was there."""

    def still(self) -> AbstractContextManager[Collection[str]]:
        """Gives the keys that must stay; none is added while the context is open."""

    def leftovers(self, remove: bool) -> list[str]:
        """The names of what dead processes have left; removed if asked for."""


class Right(Protocol):
    """The right to make one entry, among all machines."""

    def take(self, arrived: Callable[[], T | None]) -> T | None:
        """Wait until the right is had, or until `arrived` gives something.

        Returns:
            What `arrived` gave, or None if the right is had now; then `release` has to be called.
        """

    def release(self) -> None:
        """Give the right back."""


class SharedPlace(Protocol):
    """A place behind the folder that machines share: what one has made, the others find there.

    Whatever goes wrong there is raised.

    Attributes:
        url: Its name, for people.
        away_until: When it is worth asking again after something has failed there, on the monotonic clock.
    """

    url: str
    away_until: float

    def has(self, key: str) -> bool:
        """Return True if the entry `key` seems to be there."""

    def fetch(self, key: str, draft: Path, file: Path) -> bool:
        """Put the entry `key` into the new folder `draft`; whether it was there, and is what was written.

        Args:
            key: The entry.
            draft: Where its files go.
            file: Where something may lie meanwhile.
        """

    def send(self, key: str, folder: Path, manifest: Mapping[str, Any], file: Path) -> None:
        """Put the files of `folder` there as the entry `key`; `file` is where something may lie meanwhile."""

    def touch(self, key: str) -> None:
        """Note that the entry `key` is used now."""

    def remove(self, key: str) -> bool:
        """Remove the entry `key`; whether it was there."""

    def claim(self, key: str, owner: str) -> Right:
        """The right to make the entry `key`, not taken yet."""
