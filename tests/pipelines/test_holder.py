"""Processes that hold a lock and hang: who is killed here is killed for good."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines import holder
from pipelines.holder import Holder, end_hung
from pipelines.lease import Lease
from pipelines.time_limit import GRACE_S, UNKNOWN_S

HOLD = """
import fcntl, sys
from pathlib import Path
from pipelines.holder import Holder
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
for limit in sys.argv[2:]:
    Holder(Path(sys.argv[1]).with_name("holder")).note(None if limit == "none" else float(limit))
print("has it", flush=True)
input()
"""

LEASE = """
import sys
from pathlib import Path
from pipelines.lease import Lease
with Lease(folder=Path(sys.argv[1])).alone(-1000):
    print("has it", flush=True)
    input()
"""


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that holds `lock`, with records of these limits in seconds."""
    started: list[subprocess.Popen[str]] = []

    def start(*limits: object, code: str = HOLD, what: Path = tmp_path / "lock") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(what), *map(str, limits)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout
        assert started[-1].stdout.readline().strip() == "has it"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


LATE = -GRACE_S - 1
LONG_S = UNKNOWN_S + GRACE_S + 1


@pytest.mark.parametrize(
    ("limits", "waited_s", "ended"),
    [
        ([LATE], 0, True),
        ([100], LONG_S, False),
        (["none"], LONG_S - 2, False),
        (["none"], LONG_S, True),
        ([LATE, 100], 0, False),
        ([], LONG_S, False),
    ],
    ids=["late", "in time", "gives way", "does not give way", "late once", "not Paredown's"],
)
def test_a_holder_is_ended_that_is_ours_and_late(hold, tmp_path: Path, limits, waited_s, ended) -> None:
    process = hold(*limits)
    process.send_signal(signal.SIGSTOP)  # deaf to everything else
    told = list(end_hung(tmp_path / "holder", tmp_path / "lock", waited_s))
    assert bool(told) is ended
    if not ended:
        assert process.poll() is None
        return
    assert process.wait(60) == -signal.SIGKILL
    assert told[0].startswith(f"process {process.pid} ({sys.executable} -c ")
    assert told[0].endswith(" hung and kept this machine from working, so it was ended; its trial is run once more")


def test_a_process_with_the_number_of_an_earlier_one_is_left_alone(hold, tmp_path: Path) -> None:
    process = hold(LATE)
    (record,) = tmp_path.glob("holder.*")
    record.write_text(f'{{"pid": {process.pid}, "started": 1, "until": 0}}', encoding="ascii")
    assert list(end_hung(tmp_path / "holder", tmp_path / "lock", LONG_S)) == []
    assert process.poll() is None
    assert not record.exists()


def test_who_waits_does_not_end_itself(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        own = Holder(tmp_path / "holder")
        own.note(LATE)
        assert list(end_hung(tmp_path / "holder", tmp_path / "lock", LONG_S)) == []
        own.forget()
    assert [file.name for file in tmp_path.iterdir()] == ["lock"]


def test_a_forked_process_leaves_the_record(tmp_path: Path, monkeypatch) -> None:
    own = Holder(tmp_path / "holder")
    own.note(None)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    own.forget()
    assert len(list(tmp_path.iterdir())) == 1


def test_who_waits_for_a_lease_gets_it_from_one_that_hangs(hold, tmp_path: Path, monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(holder, "LOOK_S", 0.05)
    monkeypatch.setattr(holder, "say", said.append)
    process = hold(code=LEASE, what=tmp_path)
    began = time.monotonic()
    with Lease(folder=tmp_path).shared():
        pass
    assert time.monotonic() - began < UNKNOWN_S
    assert process.wait(60) == -signal.SIGKILL
    assert said[0].startswith(f"process {process.pid} (")
    with Lease(folder=tmp_path).shared():
        pass
    assert list(tmp_path.glob("*.holder.*")) == []  # the dead one's is gone, too
