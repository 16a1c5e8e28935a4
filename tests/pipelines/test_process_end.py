import subprocess
import sys

import pytest

from pipelines.process_end import LONGEST, ending, last_lines


@pytest.mark.parametrize(
    ("code", "words"), [(0, "exit code 0"), (7, "exit code 7"), (-11, "signal SIGSEGV"), (-99, "signal 99")]
)
def test_how_a_process_ended(code: int, words: str) -> None:
    assert ending(code) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it said nothing"),
        (" \n\n", "it said nothing"),
        ("one\ntwo\n\nthree\nfour\n", "two | three | four"),
        ("x" * 1000, "…" + "x" * LONGEST),
    ],
    ids=["nothing", "blanks", "the last lines", "long"],
)
def test_what_it_said_last(text: str, words: str) -> None:
    assert last_lines(text) == words


def test_of_a_stack_the_signal_and_the_innermost_call_are_told() -> None:
    code = "import ctypes, faulthandler; faulthandler.enable(); print('before'); ctypes.string_at(0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ending(done.returncode) == "signal SIGSEGV"
    first, second = last_lines(done.stderr).split(" | ")
    assert first == "Fatal Python error: Segmentation fault"
    assert second.startswith('File "')
