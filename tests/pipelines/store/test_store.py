import json
import os
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.store import MANIFEST, Store
from tests.pipelines.store.processes import PROCESSES, in_processes

Write = Wait = Callable[[Path], None]


def test_an_entry_is_made_once(store: Store, key: str, write: Write) -> None:
    first = store.compute(key, write, {"stage": "prune"})
    second = store.compute(key, lambda folder: pytest.fail("made twice"), {"stage": "prune"})
    assert (first.reused, second.reused) == (False, True)
    assert (second.folder, second.seconds) == (first.folder, first.seconds)
    assert (second.folder / "deep" / "model.bin").read_bytes() == b"weights"
    assert store.get(key) == first.folder


def test_a_manifest_says_what_the_entry_is(store: Store, key: str, write: Write) -> None:
    manifest = json.loads((store.compute(key, write, {"stage": "prune"}).folder / MANIFEST).read_text())
    assert (manifest["stage"], manifest["key"]) == ("prune", key)
    assert list(manifest["files"]) == ["deep/model.bin"]


def test_what_was_never_made_is_not_there(store: Store, key: str) -> None:
    assert store.get(key) is None
    assert list(store.folder.records()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep/model.bin", b"wEights"),
        ("deep/model.bin", b""),
        ("deep/model.bin", None),
        (MANIFEST, b'{"files": {'),
        (MANIFEST, b"{}"),
        (MANIFEST, b"[]"),
        (MANIFEST, b'{"files": []}'),
        (MANIFEST, b"\xff"),
        (MANIFEST, None),
    ],
    ids=[
        "changed file", "empty file", "lost file", "manifest cut short", "manifest without files", "manifest is a list",
        "files are a list", "manifest is no text", "lost manifest",
    ],
)  # fmt: skip
def test_a_damaged_entry_is_made_again(
    tmp_path: Path, name: str, content: bytes | None, key: str, write: Write
) -> None:
    store = Store(tmp_path / "store")
    damaged = store.compute(key, write, {}).folder / name
    damaged.unlink() if content is None else damaged.write_bytes(content)
    assert store.get(key) is None
    assert not store.compute(key, write, {}).reused
    assert store.compute(key, write, {}).reused


def test_what_is_there_is_told_without_opening_it(store: Store, key: str, write: Write, tmp_path: Path) -> None:
    assert not store.has(key)
    folder = store.compute(key, write, {}).folder
    assert store.has(key)
    assert Store(tmp_path / "another machine", store.url).has(key) == (store.url is not None)
    (folder / "deep" / "model.bin").write_bytes(b"damaged")
    assert store.has(key)


def test_what_has_had_its_use_is_discarded(tmp_path: Path, key: str, write: Write) -> None:
    store = Store(tmp_path / "store")
    store.discard(key)
    store.compute(key, write, {})
    store.discard(key)
    assert store.get(key) is None
    assert not list(store.root.glob("drafts/*"))
    assert not store.compute(key, write, {}).reused


def test_a_failure_is_not_kept(store: Store, key: str, write: Write) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("…")
        raise ArithmeticError("diverged")

    with pytest.raises(ArithmeticError, match="diverged"):
        store.compute(key, fail, {})
    assert store.get(key) is None
    assert list((store.root / "drafts").iterdir()) == []
    assert not store.compute(key, write, {}).reused


def test_two_processes_make_an_entry_once(store: Store, tmp_path: Path, key: str, write: Write) -> None:
    def work(number: int) -> None:
        def make(folder: Path) -> None:
            with (tmp_path / "log").open("a") as log:
                log.write("made\n")
            time.sleep(0.3)
            write(folder)

        entry = store.compute(key, make, {})
        (tmp_path / f"reused{number}").write_text(str(entry.reused))

    assert in_processes(lambda: work(0), lambda: work(1)) == [0, 0]
    assert (tmp_path / "log").read_text() == "made\n"
    assert sorted((tmp_path / f"reused{number}").read_text() for number in range(2)) == ["False", "True"]


def test_a_killed_writer_leaves_nothing_and_who_waits_takes_over(
    store: Store, tmp_path: Path, key: str, write: Write, wait_for: Wait
) -> None:
    started, go = tmp_path / "started", tmp_path / "go"

    def die(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "model.bin").write_bytes(b"wei")
        started.touch()
        wait_for(go)
        os._exit(9)

    dying = PROCESSES.Process(target=lambda: store.compute(key, die, {}))
    waiting = PROCESSES.Process(target=lambda: store.compute(key, write, {"by": "the one that waited"}))
    dying.start()
    wait_for(started)
    assert store.get(key) is None
    waiting.start()
    go.touch()
    dying.join(60)
    waiting.join(60)
    assert (dying.exitcode, waiting.exitcode) == (9, 0)
    found = store.get(key)
    assert found is not None
    assert (found / "deep" / "model.bin").read_bytes() == b"weights"
    assert json.loads((found / MANIFEST).read_text())["by"] == "the one that waited"


def test_it_travels_closed(store: Store, key: str, write: Write) -> None:
    store.compute(key, write, {})
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store
    assert len(pickle.dumps(store)) < 200 + len(str(store.root)) + len(store.url or "")
    assert copy.compute(key, write, {}).reused


def test_its_last_use_is_noted(store: Store, key: str, write: Write) -> None:
    manifest = store.compute(key, write, {}).folder / MANIFEST
    os.utime(manifest, (1000.0, 1000.0))
    store.find(key)
    (record,) = store.folder.records()
    assert record.used > time.time() - 60
    assert record.size_bytes == len(b"weights") + manifest.stat().st_size


def test_who_reads_while_another_evicts_has_the_whole_or_makes_it(store: Store, key: str, write: Write) -> None:
    ended = threading.Event()

    def evict() -> None:
        while not ended.is_set():
            store.folder.remove(key)

    evicting = threading.Thread(target=evict)
    evicting.start()
    try:
        entries = [store.compute(key, write, {}) for _ in range(20)]
    finally:
        ended.set()
        evicting.join()
    assert {tuple(entry.about["files"]) for entry in entries} == {("deep/model.bin",)}
    assert store.folder.leftovers(remove=False) == []
