import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines import Evaluator, TaskChanged
from search.config.sweep_config import SweepConfig
from search.errors import SweepError
from search.execution.work import run_trial
from search.study.saved import load_sweep, stored_evaluator, sweep_evaluator
from search.study.study import Study
from search.study.task_record import keep_task
from search.study.workspace import Workspace
from search.sweep import run_sweep
from spaces import InputError, Recipe

SOURCE = """
import torch
from torch import nn

class Task:
    def teacher(self): return nn.Linear(2, 32)
    def student(self, depth):
        layer = nn.Linear(2, 32)
        nn.init.constant_(layer.weight, START)
        return layer
    def batches(self, split): return []
    def example_input(self): return torch.zeros(1, 2)

START = 0.5
"""

ADVICE = (
    "since sweep 'small' was begun, so that its trials could not be compared with new ones; put it back, give the "
    "sweep another name (-o sweep=NAME), or start anew with --fresh (the old one is kept aside)"
)


@pytest.fixture
def sweep_config(make_config: Callable[..., SweepConfig], tmp_path: Path, monkeypatch) -> Iterator[SweepConfig]:
    """The small sweep of a task in a file of the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "recorded.py").write_text(SOURCE)
    yield make_config(task={"use": "recorded:Task"})
    sys.modules.pop("recorded", None)


def kept(config: SweepConfig, workspace: Workspace) -> Evaluator:
    return keep_task(sweep_evaluator(config, workspace), config.space, workspace.sweep(config.sweep))


def test_a_task_that_stays_is_taken(sweep_config, workspace) -> None:
    first = kept(sweep_config, workspace)
    assert set(first.expected.students) == {"student(1)", "student(2)", "student(3)"}
    assert kept(sweep_config, workspace).expected == first.expected


def test_a_task_that_has_changed_is_refused(sweep_config, workspace, tmp_path) -> None:
    kept(sweep_config, workspace)
    (tmp_path / "recorded.py").write_text(SOURCE.replace("32", "64"))
    with pytest.raises(InputError) as caught:
        run_sweep(sweep_config, workspace)
    assert str(caught.value) == f"task: module recorded has changed {ADVICE}"


def test_a_student_that_comes_with_other_weights_is_refused(sweep_config, workspace) -> None:
    kept(sweep_config, workspace)
    sys.modules["recorded"].START = 0.7
    with pytest.raises(InputError, match=r"^task: student\(1\) comes with other weights; student\(2\) .* since sweep"):
        run_sweep(sweep_config, workspace)


def test_what_works_on_a_sweep_that_has_ended_refuses_another_task(folder, workspace, sweep_config, tmp_path) -> None:
    Study(sweep_config, folder)
    folder.config.write_text(sweep_config.dump())
    assert stored_evaluator(load_sweep("small", workspace), workspace).expected is None  # of before there were records
    kept(sweep_config, workspace)
    sweep = load_sweep("small", workspace)
    assert stored_evaluator(sweep, workspace).expected
    (tmp_path / "recorded.py").write_text(SOURCE + "# changed")
    with pytest.raises(InputError, match="module recorded has changed since sweep 'small' was begun"):
        stored_evaluator(sweep, workspace)


def test_a_worker_that_finds_another_task_ends_the_sweep(sweep_config, workspace, tmp_path) -> None:
    evaluator = kept(sweep_config, workspace)
    (tmp_path / "recorded.py").write_text(SOURCE + "# changed")
    evaluator.context  # noqa: B018 - the driver goes on with what it has loaded
    elsewhere = Evaluator(**evaluator.__getstate__())
    with pytest.raises(TaskChanged, match="task: module recorded has changed"):
        elsewhere.context  # noqa: B018
    with pytest.raises(SweepError, match=r"has changed since the sweep was started; put it back and run the same"):
        run_trial(0, Recipe(), elsewhere)
