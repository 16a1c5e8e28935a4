import os
import threading

import pytest

from pipelines import waiting
from search.config.persons_file import read_file
from spaces import InputError

WHY = "not a file that a person has written"


def test_a_file_is_read_whole(tmp_path) -> None:
    (tmp_path / "sweep.yaml").write_bytes(b"sweep: a")
    assert read_file(tmp_path / "sweep.yaml", 8, WHY) == b"sweep: a"


def test_one_that_is_too_large_is_refused_with_its_name(tmp_path) -> None:
    (tmp_path / "sweep.yaml").write_bytes(b"sweep: a")
    with pytest.raises(InputError, match=rf"sweep\.yaml: is larger than 7 bytes: {WHY}"):
        read_file(tmp_path / "sweep.yaml", 7, WHY)


def test_who_waits_for_a_pipe_is_told_so(tmp_path, monkeypatch) -> None:
    pipe, said = tmp_path / "pipe", threading.Event()
    os.mkfifo(pipe)
    told: list[str] = []

    def say(words: str) -> None:
        told.append(words)
        said.set()

    monkeypatch.setattr(waiting, "AFTER_S", 0.01)
    monkeypatch.setattr(waiting, "_say", say)
    writer = threading.Thread(target=lambda: said.wait(60) and pipe.write_bytes(b"sweep: a"))
    writer.start()
    assert read_file(pipe, 8, WHY) == b"sweep: a"
    writer.join()
    assert told[0] == f"still waiting for what is written to {pipe}, which is no plain file; Ctrl-C ends this"
