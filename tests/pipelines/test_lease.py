"""The lease between real processes: who is killed here is killed for good."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.errors import TrialFailed
from pipelines.lease import Lease

SOON_S, LATE_S = 0.3, 60
"""How long to watch that nothing happens, and how long to wait for what must happen."""

HOLD = """
import sys, time
from pathlib import Path
from pipelines.lease import Lease
lease = Lease(folder=Path(sys.argv[1]))
with getattr(lease, sys.argv[2])():
    print("has it", flush=True)
    sys.stdin.read()
print("left", flush=True)
"""

FORK = HOLD.replace(
    "    print", "    if not os.fork():\n        sys.stdin.read()\n        os._exit(0)\n    print"
).replace("import sys", "import os, sys")

WORK = """
import sys, time
from pathlib import Path
from pipelines.lease import Lease
lease = Lease(folder=Path(sys.argv[1]))
steps = []
with lease.shared():
    print("has it", flush=True)
    while not Path(sys.argv[2]).exists():
        start = time.monotonic()
        while time.monotonic() < start + 0.002: pass
        steps.append((start, time.monotonic()))
        lease.give_way()
print(lease.shared_wait_s, flush=True)
print(steps)
"""


class Process:
    """Another process, whose lines are read as they come."""

    def __init__(self, code: str, *arguments: object) -> None:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        with suppress(ValueError):  # the pipe was closed
            for line in self._process.stdout:
                with self._news:
                    self.lines.append(line.strip())
                    self._news.notify_all()

    def says(self, count: int, seconds: float) -> bool:
        """Whether it has said `count` lines within `seconds`."""
        with self._news:
            return self._news.wait_for(lambda: len(self.lines) >= count, seconds)

    def let_go(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError, AttributeError):
                pipe.close()  # type: ignore[union-attr]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts processes on one lease, and ends them."""
    started: list[Process] = []

    def make(code: str, *arguments: object) -> Process:
        started.append(Process(code, tmp_path, *arguments))
        return started[-1]

    yield make
    for process in started:
        process.close()


def test_several_share_it(start: Callable[..., Process]) -> None:
    assert all(process.says(1, LATE_S) for process in [start(HOLD, "shared") for _ in range(3)])


@pytest.mark.parametrize(("one", "other"), [("shared", "alone"), ("alone", "shared"), ("alone", "alone")])
def test_who_has_it_alone_has_it_alone(start: Callable[..., Process], one: str, other: str) -> None:
    holder = start(HOLD, one)
    assert holder.says(1, LATE_S)
    waiting = start(HOLD, other)
    assert not waiting.says(1, SOON_S)
    holder.let_go()
    assert waiting.says(1, LATE_S)


@pytest.mark.parametrize(("one", "other"), [("shared", "alone"), ("alone", "shared"), ("alone", "alone")])
def test_the_death_of_a_holder_frees_it(start: Callable[..., Process], one: str, other: str) -> None:
    holder = start(HOLD, one)
    assert holder.says(1, LATE_S)
    waiting = start(HOLD, other)
    assert not waiting.says(1, SOON_S)
    holder.kill()
    assert waiting.says(1, LATE_S)


def test_the_death_of_one_who_waits_lets_others_in(start: Callable[..., Process]) -> None:
    first = start(HOLD, "shared")
    assert first.says(1, LATE_S)
    meter = start(HOLD, "alone")
    assert not meter.says(1, SOON_S)
    second = start(HOLD, "shared")
    assert not second.says(1, SOON_S), "a worker got in past a meter that waits"
    meter.kill()
    assert second.says(1, LATE_S)


def test_what_a_holder_forked_does_not_keep_it(start: Callable[..., Process], tmp_path: Path) -> None:
    holder = start(FORK, "shared")
    assert holder.says(1, LATE_S)
    holder.kill()
    assert start(HOLD, "alone").says(1, LATE_S)


def test_measuring_meets_no_step_of_a_training_and_is_not_starved_by_a_stream_of_them(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    done, measured, lease = tmp_path / "done", [], Lease(folder=tmp_path)
    workers = [start(WORK, done) for _ in range(2)]
    assert all(worker.says(1, LATE_S) for worker in workers)
    for _ in range(24):
        with lease.alone():
            begin = time.monotonic()
            while time.monotonic() < begin + 0.002:
                pass
            measured.append((begin, time.monotonic()))
        time.sleep(0.005)
    done.touch()
    assert all(worker.says(3, LATE_S) for worker in workers)
    for worker in workers:
        steps = [tuple(map(float, pair)) for pair in re.findall(r"\(([\d.]+), ([\d.]+)\)", worker.lines[2])]
        met = [(b, e) for b, e in measured if any(start < e and b < stop for start, stop in steps)]
        assert met == []
        # Trainings went on between measurements: they were stopped for them, not until the end.
        assert sum(measured[0][1] < start < measured[-1][0] for start, _ in steps) > 3
        assert float(worker.lines[1]) > 0
    assert lease.alone_wait_s > 0
    assert lease.alone_s >= 24 * 0.002


def test_giving_way_costs_nothing_while_nobody_waits(tmp_path: Path) -> None:
    lease, settled = Lease(folder=tmp_path), []
    lease.give_way(lambda: settled.append(1))
    with lease.shared(), lease.shared():
        assert not lease.wanted()
        lease.give_way(lambda: settled.append(1))
    assert settled == []
    assert lease.shared_wait_s < LATE_S


def test_who_gives_way_settles_first(start: Callable[..., Process], tmp_path: Path) -> None:
    lease, settled = Lease(folder=tmp_path), []
    with lease.shared():
        meter = start(HOLD, "alone")
        deadline = time.monotonic() + LATE_S
        while not lease.wanted() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not meter.says(1, SOON_S)
        assert lease.wanted()

        def settle() -> None:
            assert not meter.says(1, SOON_S)
            settled.append(1)
            meter.let_go()

        lease.give_way(settle)
        assert meter.says(2, LATE_S)
    assert settled == [1]


def test_a_nested_share_is_given_up_by_the_outermost(start: Callable[..., Process], tmp_path: Path) -> None:
    lease = Lease(folder=tmp_path)
    with lease.shared():
        with lease.shared():
            pass
        assert not start(HOLD, "alone").says(1, SOON_S)


def test_nobody_waits_for_itself(tmp_path: Path) -> None:
    lease = Lease(folder=tmp_path)
    message = "whoever measures has to give up its own share of the device first"
    with lease.shared(), pytest.raises(RuntimeError, match=message), lease.alone():
        pass


def test_it_is_free_after_an_exception(tmp_path: Path) -> None:
    lease, other = Lease(folder=tmp_path), Lease(folder=tmp_path)
    for hold in (lease.alone, lease.shared):
        with pytest.raises(LookupError), hold():
            raise LookupError
    with other.alone():
        pass


def test_devices_are_leased_apart(tmp_path: Path) -> None:
    with Lease("cpu", tmp_path).alone(), Lease("gpu0", tmp_path).alone():
        pass


def test_by_default_it_is_of_this_user_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Lease().shared():
        pass
    folder = tmp_path / f"paredown-{os.getuid()}"
    assert sorted(path.name for path in folder.iterdir()) == ["cpu.gate", "cpu.room"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_machine_without_a_place_for_locks_fails_the_trial(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    reason = "no lock for measuring in .*: Not a directory; set TMPDIR to a folder of this machine"
    with pytest.raises(TrialFailed, match=reason), Lease(folder=tmp_path / "file" / "leases").shared():
        pass
