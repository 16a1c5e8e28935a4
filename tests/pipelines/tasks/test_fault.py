import sys
from pathlib import Path

import pytest

from pipelines.tasks import fault

OWN = """
import json


def fails():
    json.loads("no")


def leaves():
    raise SystemExit(3)


def says_nothing():
    raise KeyError


def rambles():
    raise ValueError("x " * 400)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of a person's, in the folder where the command is started."""
    (tmp_path / "mine_at_fault.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("mine_at_fault", None)
    import mine_at_fault

    yield mine_at_fault
    sys.modules.pop("mine_at_fault")


def raised(call) -> BaseException:
    try:
        call()
    except fault.FAULTS as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fails", "JSONDecodeError: Expecting value: line 1 column 1 (char 0) (mine_at_fault.py:6)"),
        ("leaves", "it ends the program with sys.exit(3) (mine_at_fault.py:10)"),
        ("says_nothing", "KeyError (mine_at_fault.py:14)"),
    ],
)
def test_a_fault_is_told_with_the_persons_line(own, name, told) -> None:
    assert fault.told(raised(getattr(own, name))) == told


def test_a_long_message_is_cut(own) -> None:
    assert len(fault.told(raised(own.rambles))) < fault.LONGEST + 60


def test_a_method_is_named_with_its_line(own) -> None:
    assert fault.defined(own.leaves) == "leaves (mine_at_fault.py:9)"
    assert fault.defined(Path.exists) == "exists"


def test_a_persons_part_of_a_traceback_begins_with_their_line(own) -> None:
    error = raised(own.fails)
    assert fault.own_part(error).tb_frame.f_code.co_filename == __file__  # this test is no part of Paredown
    assert not fault.is_own(fault.__file__)
    assert not fault.is_own(Path.exists.__code__.co_filename)
