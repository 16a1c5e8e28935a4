"""A task whose code ends its process, or never comes to an end."""

import sys
import textwrap

import pytest

from pipelines.preflight.progress import at, told_to
from search.planning.check import Check, check_sweep
from search.planning.check_process import check_apart
from search.planning.reading import read_sweep
from spaces import InputError

TASK = """
import ctypes, os, sys, threading, time
import torch
from torch import nn

print("imported")
{module}

class Ends:
    def teacher(self):
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))

    def student(self, depth):
        {student}
        return self.teacher()

    def batches(self, split):
        yield torch.randn(4, 6), torch.arange(4) % 2

    def example_input(self):
        return torch.zeros(1, 6)
"""


@pytest.fixture
def raw(tmp_path, monkeypatch, make_raw):
    """The file of a sweep whose task does what a test says."""
    monkeypatch.chdir(tmp_path)

    def raw(module="", student="pass"):
        text = textwrap.dedent(TASK).format(module=module, student=student)
        (tmp_path / "ends_task.py").write_text(text, encoding="utf-8")
        space = {"student": {"depth": ["none", 1]}, "quantization": {"scheme": "none"}}
        return {**make_raw(task={"use": "ends_task:Ends"}), "space": space}

    return raw


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            {"student": "os._exit(7)"},
            "student(1) with example_input(): the process in which it was tried ended with exit code 7: imported",
        ),
        (
            {"module": "ctypes.string_at(0)"},
            "loading ends_task:Ends: the process in which it was tried ended with signal SIGSEGV: Fatal Python error: "
            "Segmentation fault | File ",
        ),
        (
            {"student": "raise KeyboardInterrupt"},
            "student(1) with example_input(): KeyboardInterrupt (ends_task.py:14)",
        ),
    ],
    ids=["exit", "segmentation fault", "interruption"],
)
def test_code_that_ends_its_process_is_told_with_the_step(raw, code, told) -> None:
    (problem,) = check_apart(raw(**code)).problems
    assert problem.where == "task.use"
    assert problem.message.startswith(told)


@pytest.mark.slow
def test_code_that_hangs_is_stopped_and_told_with_its_line(raw) -> None:
    (problem,) = check_apart(raw(student="time.sleep(600)"), limit_s=20).problems
    assert problem.message.startswith(
        "student(1) with example_input(): it did not end within 20 s, and was stopped: File "
    )
    assert problem.message.endswith('ends_task.py", line 14 in student')


@pytest.mark.slow
def test_another_process_finds_what_this_one_does_and_passes_on_what_is_printed(raw, capfd) -> None:
    assert check_apart(raw(student="threading.Thread(target=sys.exit).start()")) == Check()
    out, err = capfd.readouterr()
    assert out == ""
    assert "imported\n" in err


def test_the_code_is_run_here_if_it_came_through(raw, write_yaml, monkeypatch) -> None:
    asked = []

    def check(raw):
        asked.append(sys.modules.get("ends_task"))
        return check_sweep(raw)

    monkeypatch.setattr("search.planning.reading.check_apart", check)
    _, task = read_sweep(write_yaml(raw()))
    assert asked == [None]
    assert type(task).__module__ == "ends_task"
    with pytest.raises(InputError, match="'digts' is not known"):
        read_sweep(write_yaml({**raw(), "task": {"use": "digts"}}))
    read_sweep(write_yaml(raw()), here=True)
    assert len(asked) == 1  # neither Paredown's own tasks nor, if that is wanted, a person's


def test_every_step_is_told_before_it_begins(raw) -> None:
    steps = []
    with told_to(steps.append):
        check_sweep(raw())
        at("more")
    at("nobody hears this")
    assert steps[:3] == ["reading the file", "loading ends_task:Ends", "example_input()"]
    assert "student(1) with example_input()" in steps
    assert "student(1): training and exporting it" in steps
    assert steps[-2:] == ["reaching the store", "more"]
