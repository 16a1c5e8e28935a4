import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.store import MANIFEST, Store, StoreBackend, evict
from spaces import InputError

KEYS = [character * 32 for character in "abcd"]
"""In the order of their last use."""


@pytest.fixture
def place(store: Store) -> StoreBackend:
    """Four entries of a thousand bytes and their manifests."""
    for seconds, key in enumerate(KEYS):
        manifest = store.compute(key, lambda folder: (folder / "file").write_bytes(bytes(1000)), {}).folder / MANIFEST
        os.utime(manifest, (1000.0 + seconds, 1000.0 + seconds))
    return store.remote or store.folder


def size(place: StoreBackend) -> int:
    return sum(record.size_bytes for record in place.records())


def keys(place: StoreBackend) -> list[str]:
    return sorted(record.key for record in place.records())


def test_what_was_not_used_for_longest_goes_first(place: StoreBackend) -> None:
    one = size(place) / 4
    assert evict(place, 4 * one, ()) == []
    assert [record.key for record in evict(place, 2.5 * one, ())] == KEYS[:2]
    assert keys(place) == KEYS[2:]
    assert not any(place.damaged(key) for key in KEYS)


def test_what_is_needed_stays_however_old_and_large(place: StoreBackend) -> None:
    gone = evict(place, 0, {KEYS[0], KEYS[2]})
    assert [record.key for record in gone] == [KEYS[1], KEYS[3]]
    assert keys(place) == [KEYS[0], KEYS[2]]


def test_a_dry_run_removes_nothing(place: StoreBackend) -> None:
    assert [record.key for record in evict(place, 0, (), dry_run=True)] == KEYS
    assert keys(place) == KEYS


@pytest.mark.parametrize("url", [None], indirect=False)
def test_what_a_worker_has_pinned_stays(place: StoreBackend, store: Store) -> None:
    with store.pinned(KEYS[:1]):
        assert [record.key for record in evict(place, 0, ())] == KEYS[1:]
    assert [record.key for record in evict(place, 0, ())] == KEYS[:1]


def test_what_was_used_again_stays(store: Store, place: StoreBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.find(KEYS[0])
    one = size(place) / 4
    assert [record.key for record in evict(place, 3.5 * one, ())] == KEYS[1:2]


def test_behind_a_url_what_any_sweeps_front_needs_stays(tmp_path: Path, far: str, write: Callable) -> None:
    store = Store(tmp_path / "store", far)
    for key in KEYS:
        store.compute(key, write, {})
    Store(tmp_path / "elsewhere", far).remote.keep("digits@there", KEYS[1:3])
    assert [record.key for record in evict(store.remote, 0, ())] == [KEYS[0], KEYS[3]]
    fs, root = store.remote._place
    fs.pipe_file(f"{root}/fronts/digits@there.json", b'["bb')
    with pytest.raises(InputError, match=r"digits@there.json: was written in part; run its sweep again, or remove it"):
        evict(store.remote, 0, ())
    store.remote.keep("digits@there", KEYS[2:3])
    assert [record.key for record in evict(store.remote, 0, ())] == [KEYS[1]]
