import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from pipelines.store import MANIFEST, Store

KEY = "0123456789abcdef0123456789abcdef"
PROCESSES = multiprocessing.get_context("fork")


def write(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "model.bin").write_bytes(b"weights")


def wait_for(file: Path) -> None:
    """Wait until another process has made `file`."""
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} was never made"
        time.sleep(0.01)


def test_an_entry_is_made_once(store: Store) -> None:
    first = store.compute(KEY, write, {"stage": "prune"})
    second = store.compute(KEY, lambda folder: pytest.fail("made twice"), {"stage": "prune"})
    assert (first.reused, second.reused) == (False, True)
    assert (second.folder, second.seconds) == (first.folder, first.seconds)
    assert (second.folder / "deep" / "model.bin").read_bytes() == b"weights"
    assert store.get(KEY) == first.folder


def test_manifests_tell_of_every_entry_that_can_be_read(store: Store) -> None:
    assert list(store.manifests()) == []
    other = KEY[::-1] + "0"
    for key in (KEY, other, "ab" + KEY):
        store.compute(key, write, {"stage": "prune"})
    (store.get(other) / MANIFEST).write_text("[1", encoding="utf-8")
    assert sorted(manifest["key"] for manifest in store.manifests()) == sorted([KEY, "ab" + KEY])


def test_a_manifest_says_what_the_entry_is(store: Store) -> None:
    manifest = json.loads((store.compute(KEY, write, {"stage": "prune"}).folder / MANIFEST).read_text())
    assert (manifest["stage"], manifest["key"]) == ("prune", KEY)
    assert list(manifest["files"]) == ["deep/model.bin"]


def test_what_was_never_made_is_not_there(store: Store) -> None:
    assert store.get(KEY) is None
    assert not store.root.exists()


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
def test_a_damaged_entry_is_made_again(store: Store, name: str, content: bytes | None) -> None:
    damaged = store.compute(KEY, write, {}).folder / name
    damaged.unlink() if content is None else damaged.write_bytes(content)
    assert store.get(KEY) is None
    assert not store.compute(KEY, write, {}).reused
    assert store.compute(KEY, write, {}).reused


def test_a_failure_is_not_kept(store: Store) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("…")
        raise ArithmeticError("diverged")

    with pytest.raises(ArithmeticError, match="diverged"):
        store.compute(KEY, fail, {})
    assert store.get(KEY) is None
    assert list((store.root / "drafts").iterdir()) == []
    assert not store.compute(KEY, write, {}).reused


def test_two_processes_make_an_entry_once(store: Store, tmp_path: Path) -> None:
    def work(number: int) -> None:
        def make(folder: Path) -> None:
            with (tmp_path / "log").open("a") as log:
                log.write("made\n")
            time.sleep(0.3)
            write(folder)

        entry = store.compute(KEY, make, {})
        (tmp_path / f"reused{number}").write_text(str(entry.reused))

    processes = [PROCESSES.Process(target=work, args=(number,)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (tmp_path / "log").read_text() == "made\n"
    assert sorted((tmp_path / f"reused{number}").read_text() for number in range(2)) == ["False", "True"]


def test_a_killed_writer_leaves_nothing_and_who_waits_takes_over(store: Store, tmp_path: Path) -> None:
    started, go = tmp_path / "started", tmp_path / "go"

    def die(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "model.bin").write_bytes(b"wei")
        started.touch()
        wait_for(go)
        os._exit(9)

    dying = PROCESSES.Process(target=lambda: store.compute(KEY, die, {}))
    waiting = PROCESSES.Process(target=lambda: store.compute(KEY, write, {"by": "the one that waited"}))
    dying.start()
    wait_for(started)
    assert store.get(KEY) is None
    waiting.start()
    go.touch()
    dying.join(60)
    waiting.join(60)
    assert (dying.exitcode, waiting.exitcode) == (9, 0)
    found = store.get(KEY)
    assert found is not None
    assert (found / "deep" / "model.bin").read_bytes() == b"weights"
    assert json.loads((found / MANIFEST).read_text())["by"] == "the one that waited"
