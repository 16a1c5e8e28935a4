from pathlib import Path

import pytest

from pipelines.file_hash import sha256
from pipelines.store.entry import MANIFEST, Entry, read_manifest, seal, verified


@pytest.fixture
def sealed(tmp_path: Path, write) -> Path:
    """An entry with one file, in a folder of its own."""
    folder = tmp_path / "entry"
    folder.mkdir()
    write(folder)
    seal(folder, {"seconds": 1.5, "stage": "teacher"})
    return folder


def test_a_manifest_has_the_hash_of_every_file(sealed: Path) -> None:
    about = {"seconds": 1.5, "stage": "teacher", "files": {"deep/model.bin": sha256(sealed / "deep" / "model.bin")}}
    assert read_manifest(sealed) == verified(sealed) == about
    assert Entry(sealed, about, reused=False).seconds == 1.5


@pytest.mark.parametrize("damage", [b"", b"weight", None], ids=["empty", "cut short", "lost"])
def test_a_file_that_is_not_what_was_written_is_found_when_it_is_looked_at(sealed: Path, damage: bytes | None) -> None:
    file = sealed / "deep" / "model.bin"
    file.unlink() if damage is None else file.write_bytes(damage)
    assert read_manifest(sealed) is not None
    assert verified(sealed) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        '{"seconds": 1',
        "[]",
        '{"files": {}}',
        '{"seconds": "long", "files": {}}',
        '{"seconds": 1, "files": 3}',
    ],
    ids=["none", "empty", "cut short", "a list", "no seconds", "no number", "no files"],
)
def test_a_manifest_that_cannot_be_read_is_none(sealed: Path, content: str | None) -> None:
    (sealed / MANIFEST).unlink()
    if content is not None:
        (sealed / MANIFEST).write_text(content, encoding="utf-8")
    assert read_manifest(sealed) is None
    assert verified(sealed) is None
