import contextlib
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines.errors import TrialFailed
from pipelines.time_limit import (
    BYTES_PER_S,
    LEAST_S,
    TIMES,
    UNKNOWN_S,
    handling_s,
    limit_s,
    stage_limit,
    stages_limited,
    time_limit,
)

DEAF = """
import sys, threading, time
from pipelines import time_limit
time_limit.GRACE_S = 0.1
time_limit.may_end_process(sys.stderr)
with time_limit.time_limit(0.1, "the export"):
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
"""


def test_a_limit_is_many_times_the_estimate_and_never_short() -> None:
    assert limit_s(0.1) == LEAST_S
    assert limit_s(LEAST_S) == TIMES * LEAST_S
    assert limit_s(None) == UNKNOWN_S


def test_files_take_time_by_their_size(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "weights").write_bytes(b"x" * 1000)
    (tmp_path / "model").write_bytes(b"x" * 500)
    assert handling_s(tmp_path / "folder") == 1000 / BYTES_PER_S
    assert handling_s(tmp_path / "folder", tmp_path / "model") == 1500 / BYTES_PER_S
    assert handling_s(tmp_path / "missing") == 0


def test_work_that_takes_too_long_is_stopped() -> None:
    message = "the export took more than 0 s, many times what such files take, and was stopped"
    with pytest.raises(TrialFailed, match=message), time_limit(0.01, "the export"):
        time.sleep(60)


def export(seconds: float) -> None:
    with time_limit(seconds, "the export"):
        time.sleep(60)


def test_whichever_limit_comes_first_stops_its_own_block() -> None:
    told = []

    def work() -> None:
        try:
            export(0.01)
        except TrialFailed as error:
            told.append(error.reason)
        export(60)

    with pytest.raises(TrialFailed, match="the trial took more"), time_limit(0.05, "the trial"):
        work()
    assert [words.partition(" took")[0] for words in told] == ["the export"]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_code_that_takes_every_exception_for_something_else_does_not_go_on() -> None:
    def cut() -> None:
        with contextlib.suppress(Exception):
            time.sleep(60)
        pytest.fail("it was taken for a cut that cannot be made")

    with pytest.raises(TrialFailed, match="the trial took more"), time_limit(0.01, "the trial"):
        cut()


def test_another_thread_may_stop_the_block_at_once() -> None:
    def work(stop) -> None:
        threading.Timer(0.01, stop, ["too much"]).start()
        time.sleep(60)

    with pytest.raises(TrialFailed, match="too much"), time_limit(float("inf"), "the trial") as stop:
        work(stop)


def test_stages_have_the_limits_that_are_asked_for() -> None:
    told = r"the stage distil took more than 0 s and was stopped \(cluster.stage_timeout\)"
    with stages_limited({"distil": 0.01}), pytest.raises(TrialFailed, match=told), stage_limit("distil", None):
        time.sleep(60)
    with stages_limited({"distil": 0.01}), stage_limit("prune", None):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    with pytest.raises(TrialFailed, match="the stage export took more"), stage_limit("export", 0.01):
        time.sleep(60)


def test_work_in_time_is_left_alone_and_nothing_comes_after_it() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(0.05, "the export"):
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_another_thread_is_not_bounded() -> None:
    done = []

    def work() -> None:
        with time_limit(0.001, "the export"):
            time.sleep(0.05)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_a_process_that_may_be_ended_is_if_it_does_not_stop() -> None:
    done = subprocess.run([sys.executable, "-c", DEAF], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "Timeout" in done.stderr
    assert "most recent call first" in done.stderr
