import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import search
from search.errors import SweepError
from spaces import InputError

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "ray", "optuna", "mlflow", "pandas", "matplotlib", "pipelines")


def test_importing_the_package_loads_nothing() -> None:
    code = f"import sys, search; print(*dir(search)); print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    names, loaded = done.stdout.splitlines()
    assert {"Front", "load_front", "pick", "run_sweep"} <= set(names.split())
    assert loaded == "[]"


def test_the_names_are_functions_also_after_every_module_was_imported() -> None:
    import search.cli.pick
    import search.selection.choice

    assert callable(search.pick)
    assert callable(search.run_sweep)
    with pytest.raises(AttributeError, match="has no attribute 'pikc'"):
        search.pikc  # noqa: B018


@pytest.fixture
def front(make_config, run_inline, workspace):
    run_inline(make_config(search={"trials": 6}))
    return search.load_front("small")


def test_a_front_is_loaded_as_tables_data_and_a_picture(front, tmp_path) -> None:
    members = [trial.number for trial in front.members]
    assert front.table["trial"].tolist() == members
    assert front.table["p_front"].tolist() == [1.0] * len(members)
    assert front.trials["trial"].tolist() == list(range(6))
    assert front.baseline.number == 0
    assert front.hypervolume == front.to_json()["hypervolume"] > 0
    assert front.plot(str(tmp_path / "front.png")).read_bytes().startswith(b"\x89PNG")


def test_a_workspace_can_be_named(front, workspace, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "elsewhere"))
    assert search.load_front("small", workspace=str(workspace.root)) == front
    with pytest.raises(InputError, match="'small' is not known"):
        search.load_front("small")


def test_picking_is_the_command_lines(front) -> None:
    best = search.pick(front, where="accuracy>=0.8", minimize="size_mb")
    assert best.trial.metrics["size_mb"] == front.table.query("accuracy >= 0.8")["size_mb"].min()
    assert search.pick(front).reason.startswith("the knee of ")
    assert search.pick(front, weights={"accuracy": 1e9, "size_mb": 1}).trial == front.members[0]
    with pytest.raises(SweepError, match="accuracy >= 2 alone excludes all"):
        search.pick(front, where=["accuracy>=2"])
    with pytest.raises(InputError) as told:
        search.pick(front, where=["speed<1"], minimize="siz_mb", weights={"accuracy": -1})
    places = [problem.where for problem in told.value.problems]
    assert places == ["--where", "--minimize, --weights", "--minimize", "--weights"]


def test_all_that_is_wrong_with_a_file_is_told_before_anything_starts(write_yaml, make_raw, workspace) -> None:
    path = write_yaml(make_raw(search={"trails": 3}, space={"student": {"depth": [1, 7]}}))
    with pytest.raises(InputError) as told:
        search.run_sweep(path, {"search.seed": -1, "task.use": "digits"}, in_process=True)
    places = [problem.where for problem in told.value.problems]
    assert places == ["space.student.depth", "search.seed", "search.trails"]
    with pytest.raises(InputError) as told:
        search.run_sweep(path, {"search.seed": -1, "task.use": "digts"}, in_process=True)
    assert [problem.where for problem in told.value.problems] == ["task.use", "search.seed", "search.trails"]
    assert not workspace.root.exists()


@pytest.mark.slow
def test_the_example_runs(tmp_path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    command = [sys.executable, "docs/examples/notebook.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "hypervolume 0." in done.stdout
    assert "is the best by weights accuracy=2, size_mb=1 of " in done.stdout
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / ".paredown/studies/tumours/journal.log").exists()
    assert isinstance(search.load_front("tumours", workspace=tmp_path / ".paredown").table, pd.DataFrame)


def test_a_class_of_the_program_itself_cannot_be_sent_to_workers(
    make_config, write_yaml, make_raw, monkeypatch
) -> None:
    asked = make_config(task={"use": "__main__:Mine"})
    monkeypatch.setattr("search.notebook.read_sweep", lambda *about, here: (asked, None))
    with pytest.raises(InputError) as error:
        search.run_sweep(write_yaml(make_raw()))
    assert str(error.value) == (
        "task.use: '__main__:Mine' is of the program or notebook that runs here, which workers do not have: put the "
        "class into a file of its own, such as mine.py with mine:MyTask, or call run_sweep(..., in_process=True)"
    )


def test_a_sweep_in_which_every_trial_fails_raises(
    make_config, run_inline, write_yaml, make_raw, failing, monkeypatch
) -> None:
    asked = make_config(search={"trials": 2})
    monkeypatch.setattr("search.notebook.read_sweep", lambda *about, here: (asked, None))
    monkeypatch.setattr("search.notebook.run", lambda config, home, **options: run_inline(config, failing))
    with pytest.raises(SweepError, match="no trial has completed: 2 failed:\n  2x \\(trial 0\\): ValueError: never"):
        search.run_sweep(write_yaml(make_raw()))
