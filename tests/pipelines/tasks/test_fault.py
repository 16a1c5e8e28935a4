import inspect
import sys

from pipelines.tasks.digits import Digits
from pipelines.tasks.fault import defined, is_own, own_part, place, told

THIS = "tests/pipelines/tasks/test_fault.py"


def caught(function) -> BaseException:
    try:
        function()
    except (Exception, SystemExit) as error:
        return error
    raise AssertionError("nothing was raised")


def parsed() -> None:
    inspect.signature(7)  # fails within Python's own module


def test_a_fault_is_told_with_the_persons_innermost_line(monkeypatch) -> None:
    monkeypatch.chdir(__file__.removesuffix(THIS))
    error = caught(parsed)
    assert told(error) == f"TypeError: 7 is not a callable object ({THIS}:19)"
    assert place(caught(lambda: Digits().student(9))).startswith(THIS)


def test_what_ends_the_program_is_told_as_that() -> None:
    assert told(caught(lambda: sys.exit("no licence"))).startswith("it ends the program with sys.exit('no licence') (")


def test_a_long_message_is_one_line_that_is_cut() -> None:
    error = ValueError("first\n second " + "x" * 1000)
    assert told(error).startswith("ValueError: first second xxx")
    assert len(told(error)) < 330


def test_a_method_is_named_with_the_line_where_it_is_defined(monkeypatch) -> None:
    monkeypatch.chdir(__file__.removesuffix(THIS))
    assert defined(parsed) == f"parsed ({THIS}:18)"
    assert defined(Digits().batches) == "batches"


def test_a_traceback_begins_where_the_persons_code_does() -> None:
    def called() -> None:
        Digits().student(9)

    def outer() -> None:
        called()

    trace = own_part(caught(outer))
    assert trace is not None
    assert trace.tb_frame.f_code.co_filename == __file__
    assert not is_own(sys.modules["pipelines.tasks.digits"].__file__)
    assert not is_own("<frozen importlib._bootstrap>")
