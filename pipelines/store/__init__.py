"""The store of stages' results, each whole or not there at all: a folder, and behind it maybe a URL or a hub."""

from pipelines.store.backend import Right, SharedPlace, StoreBackend
from pipelines.store.entry import MANIFEST, Entry, Record
from pipelines.store.eviction import evict
from pipelines.store.folder import Folder
from pipelines.store.remote import Remote
from pipelines.store.store import Store

__all__ = ["MANIFEST", "Entry", "Folder", "Record", "Remote", "Right", "SharedPlace", "Store", "StoreBackend", "evict"]
