"""The protocol of a store's folder and URL, for those who look after them: list, verify, remove."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pipelines.store.entry import Record


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
