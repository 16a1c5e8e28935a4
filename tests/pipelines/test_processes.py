import os
import subprocess
import sys
import time

import pytest

from pipelines.processes import command, parent, started


def test_this_process_is_known() -> None:
    assert parent(os.getpid()) == os.getppid()
    assert 0 <= time.time() - started() < 24 * 3600
    assert started(os.getpid()) == pytest.approx(started(), abs=0.1)


def test_a_command_is_what_was_called() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", "a b"], stdin=subprocess.PIPE) as process:
        while "input" not in command(process.pid):
            time.sleep(0.01)
        assert command(process.pid) == f"{sys.executable} -c input() a b"
        process.kill()


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert (command(process.pid), parent(process.pid), started(process.pid)) == ("", None, None)
