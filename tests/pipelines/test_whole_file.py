import json
import os
from pathlib import Path

import pytest

from pipelines.whole_file import create_text, sync, write_bytes, write_json, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_with_its_folder(tmp_path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"name": "é", "values": [1, 2]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "é", "values": [1, 2]}
    assert names(path.parent) == ["a.json"]


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path) -> None:
    name = "é" * 127
    write_bytes(tmp_path / name, b"1")
    assert names(tmp_path) == [name]


def test_text_and_bytes_are_written_as_they_are(tmp_path) -> None:
    write_text(tmp_path / "a", "é\n")
    write_bytes(tmp_path / "b", b"\x00\r\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\n"
    assert (tmp_path / "b").read_bytes() == b"\x00\r\n"


def test_json_holds_text_that_utf_8_cannot_encode(tmp_path) -> None:
    write_json(tmp_path / "a.json", ["\udcff"], indent=None)
    assert (tmp_path / "a.json").read_bytes() == b'["\\udcff"]'


def test_what_cannot_be_written_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(TypeError):
        write_json(path, object())
    assert path.read_text(encoding="utf-8") == "1"


def test_the_old_file_stays_and_no_draft_is_left_when_the_disk_fails(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a"
    write_text(path, "old")

    def fail(_) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="no space left"):
            write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch) -> None:
    path, seen = tmp_path / "a", []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append((os.fstat(handle).st_size, path.exists())))
    write_text(path, "1234")
    assert seen == [(4, False)]
    sync(path)
    assert seen == [(4, False), (4, True)]


def test_the_first_to_create_a_file_wins(tmp_path) -> None:
    for text in ("first", "second"):
        create_text(tmp_path / "new" / "a", text)
    assert (tmp_path / "new" / "a").read_text() == "first"
    assert names(tmp_path / "new") == ["a"]
