import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from search.execution.ray_words import STDERR, RayWords


@contextmanager
def terminal(file: Path) -> Iterator[None]:
    """Let `file` stand for the terminal, to which this process's standard error goes."""
    before, there = os.dup(STDERR), os.open(file, os.O_WRONLY | os.O_CREAT)
    os.dup2(there, STDERR)
    try:
        yield
    finally:
        os.dup2(before, STDERR)
        os.close(there)
        os.close(before)


@pytest.mark.parametrize(
    ("own", "caught"), [(99, "during "), (STDERR, "")], ids=["a stream apart", "the libraries' stream"]
)
def test_words_go_into_the_file_if_they_can_be_told_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: int, caught: str
) -> None:
    monkeypatch.setattr("sys.stderr", SimpleNamespace(fileno=lambda: own))
    file, shown = tmp_path / "ray.log", tmp_path / "terminal"
    words = RayWords(file)
    with terminal(shown):
        os.write(STDERR, b"before ")
        words.catch()
        os.write(STDERR, b"during ")
        told = words.told
        words.let_go()
        os.write(STDERR, b"after")
    assert (file.read_text() if file.exists() else "") == caught
    assert shown.read_text() == ("before after" if caught else "before during after")
    assert told == (f"; what Ray says is in {file}" if caught else "")


def test_a_file_without_words_is_removed_and_one_with_some_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", SimpleNamespace(fileno=lambda: 99))
    file = tmp_path / "ray.log"
    file.write_text("of another run")
    words = RayWords(file)
    words.catch()
    words.let_go()
    assert not file.exists()
    for text in (b"one ", b"two"):
        words.catch()
        os.write(STDERR, text)
        words.let_go()
    assert file.read_text() == "one two"


def test_without_a_file_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", SimpleNamespace(fileno=lambda: 99))
    words = RayWords(None)
    with terminal(tmp_path / "terminal"):
        words.catch()
        os.write(STDERR, b"said")
        words.let_go()
    assert ((tmp_path / "terminal").read_text(), words.told) == ("said", "")
