import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines.identity import TaskIdentity
from pipelines.tasks.task import load_task
from spaces import InputError

SOURCE = """
import torch
from torch import nn
{imports}

class Task:
    def __init__(self, weights=None):
        self.weights = weights
    def teacher(self):
        network = nn.Linear(2, 2)
        if self.weights:
            network.load_state_dict(torch.load(self.weights))
        return network
    def student(self, depth): return nn.Linear(2, 2)
    def batches(self, split): return []
    def example_input(self): return torch.zeros(1, 2)

class Own(Task):
    version = "1"
    def fingerprint(self): return self.version
"""


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., TaskIdentity]]:
    """Gives the identity of a class of `SOURCE`, made with arguments, which may import something."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def make(name: str = "Task", imports: str = "", **args: str) -> TaskIdentity:
        (tmp_path / "identified.py").write_text(SOURCE.format(imports=imports))
        use = f"identified:{name}"
        return TaskIdentity.of(load_task(use, args), use, args)

    yield make
    for module in set(sys.modules) - before:
        del sys.modules[module]


def saved(file: Path, value: float) -> str:
    torch.save({"weight": torch.full((2, 2), value), "bias": torch.zeros(2)}, file)
    return str(file)


def test_an_identity_stays_while_nothing_changes(identity) -> None:
    assert identity() == identity()
    assert identity().changes(identity()) == ()
    assert identity().fingerprint == identity().fingerprint


def test_a_changed_source_is_named(identity, tmp_path: Path) -> None:
    (tmp_path / "nets_i.py").write_text("width = 32")
    first = identity(imports="import nets_i")
    (tmp_path / "nets_i.py").write_text("width = 64")
    assert identity(imports="import nets_i").changes(first) == ("module nets_i has changed",)
    assert identity().changes(first) == ("module identified has changed", "it no longer imports module nets_i")
    assert first.changes(identity()) == ("module identified has changed", "it imports module nets_i now")
    assert len({identity().fingerprint, identity(imports="import nets_i").fingerprint, first.fingerprint}) == 3


def test_changed_weights_of_the_teacher_are_told(identity, tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    first = identity(weights=saved(file, 1.0))
    assert identity(weights=saved(file, 1.0)).fingerprint == first.fingerprint
    second = identity(weights=saved(file, 2.0))
    assert second.changes(first) == ("teacher() comes with other weights",)
    assert second.source_changes(first) == ()
    assert second.fingerprint != first.fingerprint


def test_changed_weights_of_a_student_are_told_and_are_not_the_teachers(identity) -> None:
    first, second = (identity().with_network("student(2)", weights) for weights in ("a", "b"))
    assert second.changes(first) == ("student(2) comes with other weights",)
    assert identity().with_network("student(2, width=0.5)", "b").changes(
        identity().with_network("student(2, width=0.5)", "a")
    ) == ("student(2, width=0.5) comes with other weights",)
    assert second.with_network("student(3)", "c").changes(second) == ()
    assert first.fingerprint == second.fingerprint


def test_a_tasks_own_fingerprint_stands_for_its_sources_and_not_for_its_weights(identity, tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    first = identity("Own", weights=saved(file, 1.0))
    assert identity("Own", imports="# another", weights=saved(file, 1.0)) == first
    assert replace(first, own="2").changes(first) == ("its fingerprint() gives another answer",)
    assert identity("Own", weights=saved(file, 2.0)).changes(first) == ("teacher() comes with other weights",)


def test_class_and_arguments_are_in_the_fingerprint(identity, tmp_path: Path) -> None:
    made = [identity(), replace(identity(), use="other:Task"), replace(identity(), args={"a": 1})]
    assert len({each.fingerprint for each in made}) == len(made)


def test_a_class_that_lies_in_no_file_is_refused() -> None:
    class Loose:
        def teacher(self) -> nn.Module:
            return nn.Linear(2, 2)

    Loose.__module__ = "typed_in_a_notebook"
    message = (
        r"task.use: Loose lies in no file, so nobody sees it change; put it into a file beside the sweep's, or give it "
        r"a method fingerprint\(\); see docs/tasks.md"
    )
    with pytest.raises(InputError, match=message):
        TaskIdentity.of(Loose(), "typed_in_a_notebook:Loose", {})
