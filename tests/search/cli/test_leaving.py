import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CODE = """
import atexit, sys, threading, time
from search.cli import leaving
leaving.LOADER = "sys"
leaving.TELL_S, leaving.END_S = 0.1, 0.2
{code}
leaving.bound(7)
sys.exit(7)
"""


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            "threading.Thread(target=time.sleep, args=(600,), name='upload').start()",
            "paredown: all is done but for the thread upload of the task's code; the process is ended in 0 s\n",
        ),
        (
            "atexit.register(time.sleep, 600)",
            "paredown: all is done but for what runs when the process ends (atexit); the process is ended in 0 s\n",
        ),
        ("threading.Thread(target=time.sleep, args=(600,), daemon=True).start()", ""),
    ],
    ids=["thread", "atexit", "daemon"],
)
def test_a_process_ends_whatever_its_tasks_code_has_begun(code, told) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(code=code)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (7, told)
