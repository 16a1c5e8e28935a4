import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines import waiting
from pipelines.lease import Lease
from pipelines.store.held import held
from pipelines.waiting import describe, holders, others, say_with, telling

FLOCK = (
    "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('has it', flush=True); input()"
)

LEASE = """
import sys
from pathlib import Path
from pipelines.lease import Lease
with getattr(Lease(folder=Path(sys.argv[1])), sys.argv[2])():
    print("has it", flush=True)
    input()
"""


@pytest.fixture
def hold() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that holds something until it is told to end."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout
        assert started[-1].stdout.readline().strip() == "has it"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What was said while something was waited for, which is at once here."""
    words: list[str] = []
    monkeypatch.setattr(waiting, "AFTER_S", 0.05)
    monkeypatch.setattr(waiting, "_say", words.append)
    return words


def released_when_said(process: subprocess.Popen[str], said: list[str]) -> None:
    """Let a holder end as soon as somebody has said that it is waited for."""
    deadline = time.monotonic() + 60
    while not said and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()


def in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def test_nothing_is_said_of_a_short_wait(monkeypatch) -> None:
    words: list[str] = []
    monkeypatch.setattr(waiting, "_say", words.append)
    with telling(lambda: "somebody"):
        pass
    assert words == []


def test_a_long_wait_is_told_again(monkeypatch, said) -> None:
    monkeypatch.setattr(waiting, "AGAIN_S", 0.05)
    deadline = time.monotonic() + 60
    with telling(lambda: "somebody"):
        while len(said) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert said[:2] == ["somebody", "somebody"]


def test_who_tells_can_be_chosen(monkeypatch) -> None:
    monkeypatch.setattr(waiting, "_say", waiting.LOG.warning)
    words: list[str] = []
    say_with(words.append)
    monkeypatch.setattr(waiting, "AFTER_S", 0.01)
    with telling(lambda: "somebody"):
        while not words:
            time.sleep(0.01)
    assert words == ["somebody"]


def test_the_holder_of_a_lock_is_found(hold, tmp_path: Path) -> None:
    file = tmp_path / "lock"
    process = hold(FLOCK, file)
    assert holders(file) == [process.pid]
    assert others(file, "works").startswith(
        f"waiting for process {process.pid} ({sys.executable} -c import fcntl, sys; "
    )
    assert others(file, "works").endswith(f"), which works; if it hangs, end it with: kill -9 {process.pid}")
    process.send_signal(signal.SIGSTOP)
    while "stopped" not in others(file, "works"):
        time.sleep(0.01)
    assert f"it is stopped and goes on with: kill -CONT {process.pid}" in others(file, "works")


def test_of_its_own_locks_nobody_is_told(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert holders(tmp_path / "lock") == [os.getpid()]
        assert others(tmp_path / "lock", "works") == ""
    assert holders(tmp_path / "missing") == []


def test_a_process_of_another_user_has_a_number() -> None:
    assert describe(2**22 + 1) == f"{2**22 + 1} (a process of another user)"


@pytest.mark.parametrize(("one", "other"), [("alone", "alone"), ("alone", "shared"), ("shared", "alone")])
def test_who_waits_for_a_lease_says_for_whom(hold, said, tmp_path: Path, one: str, other: str) -> None:
    process = hold(LEASE, tmp_path, one)
    in_background(lambda: released_when_said(process, said))
    with getattr(Lease(folder=tmp_path), other)():
        pass
    does = "measures on this machine" if one == "alone" else "works on this machine and has not paused"
    assert said[0].startswith(f"waiting for process {process.pid} (")
    assert does in said[0]


def test_who_waits_for_a_result_says_for_whom(hold, said, tmp_path: Path) -> None:
    file = tmp_path / "locks" / "key"
    file.parent.mkdir()
    process = hold(FLOCK, file)
    in_background(lambda: released_when_said(process, said))
    with held(file):
        pass
    assert said[0].startswith(f"waiting for process {process.pid} (")
    assert "makes what is needed here, or looks after it (key)" in said[0]
