import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import Timeout

from pipelines.own_folder import MARKER, claim
from pipelines.store import MANIFEST, Folder, Store, evict
from spaces import InputError
from tests.pipelines.store.processes import in_processes


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "store")


def test_manifests_tell_of_every_entry_that_can_be_read(
    tmp_path: Path, key: str, write: Callable[[Path], None]
) -> None:
    store = Store(tmp_path / "store")
    assert list(store.folder.manifests()) == []
    other = key[::-1] + "0"
    for each in (key, other, "ab" + key):
        store.compute(each, write, {"stage": "prune"})
    (store.folder.path(other) / MANIFEST).write_text("[1", encoding="utf-8")
    assert sorted(manifest["key"] for manifest in store.folder.manifests()) == sorted([key, "ab" + key])


def test_what_a_killed_process_leaves_is_found_and_removed(folder: Folder, key: str) -> None:
    def die() -> None:
        with folder.lock(key), folder.draft(key) as draft, folder.pin([key]):
            (draft / "half").write_text("…")
            os._exit(9)

    assert in_processes(die) == [9]
    named = folder.leftovers(remove=False)
    assert [name.split("/")[0] for name in named] == ["drafts", "locks", "pins"]
    assert folder.leftovers(remove=False) == named, "only looked at"
    assert folder.leftovers(remove=True) == named
    assert [path.name for path in folder.root.rglob("*") if path.is_file()] == [MARKER]
    assert folder.leftovers(remove=True) == []


def test_what_the_living_hold_stays(folder: Folder, key: str) -> None:
    with folder.lock(key), folder.draft(key) as draft, folder.pin([key]):
        found: list[str] = []
        other = threading.Thread(target=lambda: found.extend(folder.leftovers(remove=True)))
        other.start()
        other.join(60)
        assert found == []
        assert draft.is_dir()
        with folder.still() as pinned:
            assert pinned == {key}
        with pytest.raises(Timeout), folder.lock(key, timeout_s=0):
            pass
    assert folder.leftovers(remove=False) == []


def test_a_dead_workers_pin_counts_for_nothing(folder: Folder, key: str) -> None:
    def die() -> None:
        with folder.pin([key]):
            os._exit(9)

    assert in_processes(die) == [9]
    assert any((folder.root / "pins").iterdir())
    with folder.still() as pinned:
        assert pinned == set()


def test_nobody_pins_while_another_evicts(folder: Folder, key: str) -> None:
    pinned = threading.Event()

    def pin() -> None:
        with folder.pin([key]):
            pinned.set()

    with folder.still():
        other = threading.Thread(target=pin)
        other.start()
        assert not pinned.wait(0.2)
    assert pinned.wait(60)
    other.join(60)


def test_an_entry_that_is_gone_is_not_to_be_sent(folder: Folder, tmp_path: Path, key: str) -> None:
    claim(folder.root)
    (folder.root / "unsent").mkdir()
    (folder.root / "unsent" / key).touch()
    assert folder.leftovers(remove=True) == [f"unsent/{key}"]
    assert folder.leftovers(remove=True) == []


def test_a_folder_that_is_no_store_is_left_alone(folder: Folder, key: str) -> None:
    """A person's own folder called store, with drafts of what they write."""
    letter = folder.root / "drafts" / "letter.txt"
    letter.parent.mkdir(parents=True)
    letter.write_text("Dear aunt", encoding="utf-8")

    def draft() -> None:
        with folder.draft(key):
            pass

    def pin() -> None:
        with folder.pin([key]):
            pass

    for change in (lambda: folder.leftovers(remove=True), lambda: evict(folder, 0, ()), draft, pin):
        with pytest.raises(InputError, match=r"store: holds files that are not Paredown's \(drafts\); move them away"):
            change()
    assert [path for path in folder.root.rglob("*") if path.is_file()] == [letter]
    assert letter.read_text(encoding="utf-8") == "Dear aunt"


def test_a_store_of_before_there_was_a_mark_is_taken(folder: Folder, key: str, write: Callable) -> None:
    Store(folder.root).compute(key, write, {})
    (folder.root / MARKER).unlink()
    assert folder.leftovers(remove=True) == []
    assert (folder.root / MARKER).exists()


def test_a_whole_entry_is_not_replaced_and_a_damaged_one_is(folder: Folder, key: str, write: Callable) -> None:
    made = Store(folder.root).compute(key, write, {"by": "the first"}).folder

    def again() -> None:
        Store(folder.root / "other").compute(key, write, {"by": "the second"})
        with folder.draft(key) as aside:
            os.replace(folder.root / "other" / "entries" / key[:2] / key, aside / "entry")
            assert folder.install(aside / "entry", key) == made

    again()
    assert folder.about(key)["by"] == "the first"
    (made / "deep" / "model.bin").write_bytes(b"wEights")
    assert folder.damaged(key)
    again()
    assert folder.about(key)["by"] == "the second"
    assert not folder.damaged(key)
