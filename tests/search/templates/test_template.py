"""The contract of every template: its files make a sweep that is valid."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.tasks.task import load_task
from search.config.sweep_config import parse_config
from search.templates import TEMPLATES
from search.templates.template import SWEEP_FILE
from spaces import InputError


@pytest.fixture(params=TEMPLATES.values(), ids=TEMPLATES)
def written(request, tmp_path: Path) -> Path:
    request.param.write(tmp_path / "new", "mine")
    return tmp_path / "new"


def test_its_sweep_has_the_name_that_was_asked_for_and_legal_settings(written: Path) -> None:
    config = parse_config(yaml.safe_load((written / SWEEP_FILE).read_text(encoding="utf-8")))
    assert config.sweep == "mine"
    assert config.space.size() > 10


def test_no_place_is_left_to_fill_in(written: Path) -> None:
    assert all("$" not in path.read_text(encoding="utf-8") for path in written.iterdir())


def test_the_task_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TEMPLATES["own"].write(tmp_path, "mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "task", raising=False)
    task = load_task("task:MyTask", {"batch_size": 16})
    inputs, _ = next(iter(task.batches("train")))
    assert task.teacher()(inputs).shape == (16, 2)
    assert task.student(1)(task.example_input()).shape == (1, 2)


def test_what_is_there_is_left_and_nothing_else_is_written(tmp_path: Path) -> None:
    (tmp_path / SWEEP_FILE).write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"sweep\.yaml: is there already and is left as it is; name another folder"):
        TEMPLATES["own"].write(tmp_path, "other")
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [(SWEEP_FILE, "mine")]


@pytest.mark.slow
def test_a_sweep_of_ones_own_is_begun_and_run(tmp_path: Path) -> None:
    def paredown(*words: str) -> str:
        command = [sys.executable, "-m", "search.cli.app", *words]
        return subprocess.run(command, cwd=tmp_path / "new", capture_output=True, text=True, check=True).stdout

    (tmp_path / "new").mkdir()
    assert "paredown validate sweep.yaml" in paredown("init", "own")
    assert "sweep new, task task:MyTask" in paredown("validate", SWEEP_FILE)
    paredown("run", SWEEP_FILE, "-o", "search.trials=2", "-o", "training={teacher_epochs: 1, student_epochs: 1}")
    assert "Pareto front" in paredown("front", "new")
