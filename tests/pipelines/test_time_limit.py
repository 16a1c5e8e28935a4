import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines.errors import TrialFailed
from pipelines.time_limit import BYTES_PER_S, LEAST_S, TIMES, UNKNOWN_S, handling_s, limit_s, time_limit

DEAF = """
import sys, threading, time
from pipelines import time_limit
time_limit.GRACE_S = 0.1
time_limit.may_end_process(sys.stderr)
with time_limit.time_limit(0.1, "the export"):
    while True:
        try:
            time.sleep(60)
        except Exception:
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
