import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from pipelines.tasks.digits import Digits
from pipelines.tasks.losses import top1
from pipelines.tasks.task import load_task, loss_of, make_student, score_of, takes_width, to_batch
from spaces import InputError

SOURCE = """
class Base: ...

class Shapes:
    def __init__(self, colours: int = 3) -> None:
        if colours < 1:
            raise ValueError(f"colours is {colours}, below 1")
        self.colours = colours
    def teacher(self): ...
    def student(self, depth): ...
    def batches(self, split): ...
    def example_input(self): ...

class Half:
    def teacher(self): ...
    def batches(self, split): ...

class Slip:
    def teacher(self): ...
    def student(self, depth): ...
    def batches(self, split): ...
    def exemple_input(self): ...

class Versioned(Shapes):
    fingerprint = "v1"

number = 7
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Writes a module into the current folder, which is fresh; returns its name, which no other test has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    name = f"task_{abs(hash(request.node.nodeid))}"

    def make(source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return name

    yield make
    sys.modules.pop(name, None)


def problem(use: str, args: dict | None = None) -> str:
    with pytest.raises(InputError) as caught:
        load_task(use, args)
    return str(caught.value)


def test_a_built_in_task_has_a_short_name() -> None:
    assert isinstance(load_task("digits", {"batch_size": 32}), Digits)


def test_a_class_of_the_current_folder_is_found(write: Callable[[str], str]) -> None:
    task = load_task(f"{write(SOURCE)}:Shapes", {"colours": 5})
    assert (type(task).__name__, task.colours) == ("Shapes", 5)


def test_a_name_that_does_not_exist_is_told_with_those_that_do() -> None:
    assert problem("digit") == (
        "task.use: 'digit' is not known (did you mean 'digits'?); legal: digits, hf-image, hf-text, timm, or "
        "package.module:ClassName"
    )


@pytest.mark.parametrize("use", ["./mine:Mine", ".mine:Mine", ":Mine", "mine:", "mine:Mine()", "mine.py:Mine"])
def test_a_name_of_another_form(use: str) -> None:
    assert problem(use) == (
        f"task.use: {use!r} is not of the form package.module:ClassName; for the class Mine of a file mine.py write "
        "mine:Mine"
    )


def test_a_module_that_is_not_there() -> None:
    assert problem("nowhere.to_be:Found") == (
        "task.use: cannot import 'nowhere.to_be' of 'nowhere.to_be:Found': No module named 'nowhere'; start the "
        "command in the folder where it lies, or add that folder to PYTHONPATH"
    )


def test_a_module_that_lacks_something(write: Callable[[str], str]) -> None:
    name = write("import not_installed_anywhere")
    assert problem(f"{name}:Shapes") == (
        f"task.use: cannot import '{name}' of '{name}:Shapes': No module named 'not_installed_anywhere'"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("class Shapes", "SyntaxError: expected ':'")],
    ids=["raises", "does not parse"],
)
def test_a_module_that_is_broken(write: Callable[[str], str], source: str, message: str) -> None:
    name = write(source)
    assert problem(f"{name}:Shapes").startswith(f"task.use: '{name}' raised {message}")


def test_a_class_that_is_not_there(write: Callable[[str], str]) -> None:
    name = write(SOURCE)
    assert problem(f"{name}:Shaped") == (
        f"task.use: in module {name}, 'Shaped' is not known (did you mean 'Shapes'?); "
        "legal: Base, Shapes, Half, Slip, Versioned"
    )


def test_what_is_no_class(write: Callable[[str], str]) -> None:
    name = write(SOURCE)
    assert problem(f"{name}:number") == (
        f"task.use: in module {name}, 'number' is not known; legal: Base, Shapes, Half, Slip, Versioned"
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"colour": 3}, "TypeError: Shapes.__init__() got an unexpected keyword argument 'colour'"),
        ({"colours": 0}, "ValueError: colours is 0, below 1 ({name}.py:7)"),
    ],
    ids=["unknown argument", "illegal value"],
)
def test_arguments_that_are_refused(write: Callable[[str], str], args: dict, message: str) -> None:
    name = write(SOURCE)
    assert problem(f"{name}:Shapes", args) == (
        f"task.args: Shapes(colours: int = 3) -> None refused them: {message.format(name=name)}"
    )


def test_methods_that_are_missing(write: Callable[[str], str]) -> None:
    name = write(SOURCE)
    assert problem(f"{name}:Half") == "task.use: Half has no method example_input; see docs/tasks.md"
    assert problem(f"{name}:Slip") == (
        "task.use: Slip has no method example_input (is exemple_input meant?); see docs/tasks.md"
    )


def test_a_value_where_a_method_is_meant(write: Callable[[str], str]) -> None:
    name = write(SOURCE)
    assert problem(f"{name}:Versioned") == (
        "task.use: Versioned has a value, not a method: fingerprint; see docs/tasks.md"
    )


def test_a_hook_that_cannot_be_read(write: Callable[[str], str]) -> None:
    name = write(SOURCE)
    failing = "\n\n\nclass {0}(Shapes):\n    @property\n    def score(self):\n        raise {1}('no such column')\n"
    with Path(f"{name}.py").open("a") as source:
        source.write(failing.format("Failing", "KeyError") + failing.format("Absent", "AttributeError"))
    assert problem(f"{name}:Failing").startswith("task.use: Failing.score: KeyError: 'no such column' (")
    assert problem(f"{name}:Absent") == ("task.use: Absent.score is declared, but reading it raises an AttributeError")


def test_loss_and_score_have_defaults(tiny) -> None:
    class Own(type(tiny)):
        def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return outputs.sum()

        def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return targets

    own = Own()
    outputs, targets = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
    assert loss_of(tiny)(outputs, targets) == cross_entropy(outputs, targets)
    assert score_of(tiny)(outputs, targets).equal(top1(outputs, targets))
    assert (loss_of(own), score_of(own)) == (own.loss, own.score)


def test_students_have_a_width_if_their_method_takes_one(tiny) -> None:
    digits = Digits()
    assert (takes_width(tiny), takes_width(digits)) == (False, True)
    assert make_student(digits, 1, 0.5)[0].weight.shape[0] == 16
    assert make_student(tiny, 1)[0].weight.shape == make_student(tiny, 1, 1.0)[0].weight.shape
    told = "Tiny.student takes no width; write: def student(self, depth, width=1.0), or leave student.width at 1"
    with pytest.raises(ValueError, match=re.escape(told)):
        make_student(tiny, 1, 0.5)


def test_top1_is_one_number_per_example() -> None:
    outputs = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert top1(outputs, torch.tensor([1, 1, 1])).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("size", [1, 3])
def test_a_batch_repeats_the_first_example(size: int) -> None:
    first, second = to_batch((torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([5])), size)
    assert (first.tolist(), second.tolist()) == ([[1.0, 2.0]] * size, [5] * size)
