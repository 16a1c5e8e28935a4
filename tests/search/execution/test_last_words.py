import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.execution.last_words import SILENT, how_it_ended, last_words, was_late, words_file

DYING = """
import ctypes, os, sys
from pathlib import Path
from pipelines import time_limit
from search.execution.last_words import last_words

def fault():
    ctypes.string_at(0)

def child():
    if not os.fork():
        os._exit(5)
    os.wait()

def deaf():
    time_limit.GRACE_S = 0.1
    with time_limit.time_limit(0.1, "the export"):
        while True:
            try:
                os.read(os.pipe()[0], 1)
            except BaseException:
                pass

with last_words(Path(sys.argv[1])):
    print("said before", file=sys.stderr, flush=True)
    exec(sys.argv[2])
"""


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (
            "os._exit(7)",
            "the task, or a library, ended it with exit code 7 (os._exit); the last that it said: said before",
        ),
        ("fault()", "it ended with signal SIGSEGV: Fatal Python error: Segmentation fault | File "),
        ("os.abort()", "it ended with signal SIGABRT: Fatal Python error: Aborted | File "),
        ("child(); os.kill(os.getpid(), 9)", f"{SILENT}; the last that it said: said before"),
        ("deaf()", 'it did not stop when its time was up: File "<string>", line '),
    ],
    ids=["exit", "segmentation fault", "abort", "killed", "deaf"],
)
def test_how_a_worker_ended_is_told(tmp_path: Path, act: str, words: str) -> None:
    file = words_file(tmp_path, 3)
    with (tmp_path / "stderr").open("w") as stream:
        done = subprocess.run([sys.executable, "-c", DYING, str(file), act], stderr=stream, timeout=120, check=False)
    assert done.returncode != 0
    assert how_it_ended(file).startswith(words)
    assert not file.exists()


def test_a_worker_is_late_if_it_died_after_its_time(tmp_path: Path) -> None:
    file = words_file(tmp_path, 3)
    for killed_at, late in ((None, False), (time.time() + 60, False), (time.time() - 1, True)):
        with last_words(file, killed_at):
            assert was_late(file) is late
    assert not was_late(file)


def test_who_lives_leaves_nothing(tmp_path: Path) -> None:
    file = words_file(tmp_path, 3)
    with last_words(file):
        assert file.exists()
    with pytest.raises(ZeroDivisionError), last_words(file):
        1 / 0  # noqa: B018
    assert not file.exists()
    assert how_it_ended(file) == ""
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_what_ray_adds_to_a_signal_is_left_out(tmp_path: Path) -> None:
    log, file = tmp_path / "stderr", words_file(tmp_path, 3)
    added = "*** SIGABRT received at time=1 on cpu 0 ***\nPC: @ 0x7f (unknown)\n    @ 0x7f (unknown)\n"
    log.write_text(f"terminate called\n{added}[2026-11-27 E 1 1] logging.cc:474: PC: @ 0x7f (unknown)\n")
    file.write_text(json.dumps({"stderr": str(log), "from": 0}) + "\nexit code 7\n")
    assert how_it_ended(file).endswith("; the last that it said: terminate called")
