import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.store import Store
from search.execution import node_folder as module
from search.execution.node_folder import NodeFolder, clean

KEYS = [f"{number:032x}" for number in range(4)]


def write(folder: Path) -> None:
    (folder / "file").write_bytes(b"0" * 1000)


def test_it_is_removed_by_the_last_who_holds_it(tmp_path: Path) -> None:
    first, second = NodeFolder("run", tmp_path), NodeFolder("run", tmp_path)
    Store(first.store).compute(KEYS[0], write, {})
    first.close()
    assert Store(second.store).get(KEYS[0])
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_what_killed_workers_have_left_is_removed_and_what_is_held_stays(tmp_path: Path) -> None:
    held, left = NodeFolder("held", tmp_path), NodeFolder("left", tmp_path)
    shutil.copytree(left.path, tmp_path / "of-the-dead")
    (tmp_path / ".gone-half").mkdir()
    (tmp_path / "thesis").mkdir()
    clean(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"held", "left", "thesis"}
    held.close()
    left.close()


def test_copies_make_room_and_what_is_not_sent_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = NodeFolder("run", tmp_path)
    store = Store(folder.store)
    for key in KEYS:
        store.compute(key, write, {})
    (folder.store / "unsent").mkdir()
    (folder.store / "unsent" / KEYS[0]).touch()
    monkeypatch.setattr(module, "EVERY_S", -1.0)
    monkeypatch.setattr(module, "shutil", SimpleNamespace(disk_usage=lambda path: SimpleNamespace(total=30_000)))
    folder.make_room()
    assert [bool(store.get(key)) for key in KEYS] == [True, False, False, True]
    monkeypatch.undo()
    folder.close()
