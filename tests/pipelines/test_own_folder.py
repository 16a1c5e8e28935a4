import os
from pathlib import Path

import pytest

from pipelines.own_folder import MARKER, claim, is_own, remove, replacement
from spaces import InputError


def keep(folder: Path) -> None:
    raise InputError.at("out", f"{sorted(path.name for path in folder.iterdir())} would be lost")


def give_way(folder: Path) -> None:
    pass


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    folder = tmp_path / "busy"
    folder.mkdir()
    (folder / "thesis.txt").write_text("three years", encoding="utf-8")
    return folder


@pytest.mark.parametrize("exists", [True, False])
def test_a_new_or_an_empty_folder_is_claimed_and_removed(tmp_path, exists) -> None:
    folder = tmp_path / "own"
    if exists:
        folder.mkdir()
    claim(folder)
    claim(folder)
    assert is_own(folder)
    assert [path.name for path in folder.iterdir()] == [MARKER]
    (folder / "deep").mkdir()
    remove(folder)
    assert list(tmp_path.iterdir()) == []
    remove(folder)


def test_anothers_folder_is_neither_claimed_nor_removed(busy) -> None:
    with pytest.raises(InputError, match=r"busy: holds files that are not Paredown's \(thesis.txt\); move them away"):
        claim(busy)
    remove(busy)
    assert [path.name for path in busy.iterdir()] == ["thesis.txt"]


def test_what_an_earlier_version_left_is_claimed(busy) -> None:
    claim(busy, lambda: True)
    assert is_own(busy)


def test_a_link_to_a_folder_of_ones_own_is_no_way_to_remove_it(tmp_path) -> None:
    claim(tmp_path / "own")
    (tmp_path / "link").symlink_to("own")
    remove(tmp_path / "link")
    assert is_own(tmp_path / "own")


def test_a_replacement_appears_at_the_end_only(tmp_path) -> None:
    with replacement(tmp_path / "deep" / "out", keep) as draft:
        (draft / "new.txt").touch()
        assert not (tmp_path / "deep" / "out").exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "deep/out").iterdir()] == ["new.txt"]


def test_what_may_give_way_does_and_what_may_not_stays(tmp_path, busy) -> None:
    with pytest.raises(InputError, match=r"\['thesis.txt'\] would be lost"), replacement(busy, keep):
        raise AssertionError("refused before anything is done")
    with replacement(busy, give_way) as draft:
        (draft / "new.txt").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["busy", "new.txt"]


def test_an_exception_leaves_everything_as_it_was(tmp_path, busy) -> None:
    with pytest.raises(ZeroDivisionError), replacement(busy, give_way):
        _ = 1 / 0
    assert [path.name for path in tmp_path.rglob("*")] == ["busy", "thesis.txt"]


def test_what_comes_in_the_last_moment_stays(tmp_path, monkeypatch) -> None:
    """After the folder was moved away and looked at, and before the new one is in its place."""
    (tmp_path / "out").mkdir()
    renaming = os.rename

    def rename(source, target) -> None:
        if Path(source).name == "new":
            (tmp_path / "out").mkdir()
            (tmp_path / "out/thesis.txt").touch()
        renaming(source, target)

    monkeypatch.setattr(os, "rename", rename)
    told = r"Directory not empty; what was there before is kept in .*/old"
    with pytest.raises(OSError, match=told), replacement(tmp_path / "out", give_way):
        pass
    assert (tmp_path / "out/thesis.txt").exists()
    assert [path.name for path in tmp_path.glob(".out.*/*")] == ["old"]


def test_a_file_in_the_place_of_a_folder_stays(tmp_path, monkeypatch) -> None:
    def check(folder: Path) -> None:
        if not folder.is_dir():
            raise InputError.at("out", "is a file")

    with pytest.raises(InputError, match="out: is a file"), replacement(tmp_path / "out", check):
        (tmp_path / "out").write_text("mine", encoding="utf-8")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
