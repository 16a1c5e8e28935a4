import os
import signal
import sys
import time

import pytest

from pipelines.kill_timer import KillTimer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel has no such timer")


def die(timer: KillTimer) -> int:
    """Fork a process that is deaf, has `timer` and ends by itself after a minute; the signal that ended it."""
    pid = os.fork()
    if not pid:
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        timer.start(60)
        timer.start(0.02)
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(60)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def test_a_process_that_is_deaf_and_stopped_is_ended() -> None:
    assert die(KillTimer()) == signal.SIGKILL


def test_a_timer_that_was_stopped_ends_nobody() -> None:
    timer = KillTimer()
    timer.stop()
    timer.start(0.02)
    timer.stop()
    time.sleep(0.05)


def test_a_forked_process_has_a_timer_of_its_own() -> None:
    timer = KillTimer()
    timer.start(60)
    assert die(timer) == signal.SIGKILL
    timer.stop()
