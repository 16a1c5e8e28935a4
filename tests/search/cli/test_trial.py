import json
import platform
from types import SimpleNamespace

import pytest

from pipelines import Evaluation, StageRun, TrialFailed
from pipelines.file_hash import sha256
from pipelines.ledger import spending
from pipelines.meters import Measurement


@pytest.fixture
def built(monkeypatch, tmp_path):
    """What is built and measured without any work, and the recipes that were asked for."""
    file, asked = tmp_path / "model.onnx", []
    file.write_bytes(b"a network")
    now = [100.0]
    monkeypatch.setattr("pipelines.ledger.time.perf_counter", lambda: now[0])

    class Work:
        def __call__(self, recipe):
            asked.append(recipe)
            with spending("distil"):
                now[0] += 3.0
            found = Measurement({"accuracy": 0.5, "size_mb": 2.0}, {"accuracy": (0.4, 0.6)}, {"load": "quiet [busy]"})
            return Evaluation(found, (StageRun("teacher", "k", 2.0, True), StageRun("export", "e", 0.5, False)), "e")

        def build(self, recipe):
            return SimpleNamespace(file=file)

    monkeypatch.setattr("search.study.saved.sweep_evaluator", lambda config, workspace: Work())
    return file, asked


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("- prune: {method: channel, ratio: 0.5}\n", encoding="utf-8")
    return path


def test_it_tells_of_the_file_the_numbers_and_the_stages(
    cli_run, write_yaml, make_raw, workspace, built, recipe
) -> None:
    file, asked = built
    code, out, _ = cli_run("trial", write_yaml(make_raw()), recipe)
    assert code == 0
    assert [step.params["ratio"] for step in asked[0].steps] == [0.5]
    lines = [line.strip() for line in out.splitlines() if line.startswith("  ")]
    assert lines[-1] == "spent now: other 0.00 s, distil 3.00 s"
    assert lines[:-1] == [
        f"sha256: {sha256(file)}",
        "accuracy: 0.5 (0.4 to 0.6)",
        "size_mb: 2",
        "load: quiet [busy]",
        "stage teacher: 2.00 s (reused)",
        "stage export: 0.50 s",
        f"node: {platform.node()}",
    ]


def test_as_json(cli_run, write_yaml, make_raw, workspace, built, recipe) -> None:
    code, out, _ = cli_run("trial", write_yaml(make_raw()), recipe, "--json")
    data = json.loads(out)
    assert code == 0
    assert data["metrics"] == {"accuracy": 0.5, "size_mb": 2.0}
    assert data["intervals"] == {"accuracy": [0.4, 0.6]}
    assert data["seconds"] == {"distil": 3.0, "other": 0.0}
    assert [(stage["name"], stage["reused"]) for stage in data["stages"]] == [("teacher", True), ("export", False)]
    assert data["node"] == platform.node()
    assert (data["file"], data["sha256"]) == (str(built[0]), sha256(built[0]))


def test_a_recipe_that_cannot_be_is_wrong_input(cli_run, write_yaml, make_raw, workspace, built, recipe) -> None:
    recipe.write_text("- prune: {method: chanel, ratio: 0.5}\n- glue: {}\n", encoding="utf-8")
    code, out, err = cli_run("trial", write_yaml(make_raw()), recipe)
    assert (code, out) == (2, "")
    assert "recipe[0].prune.method: 'chanel' is not known (did you mean 'channel'?)" in err
    assert "recipe[1]: 'glue' is not known" in err
    assert built[1] == []


def persons(recipe) -> None:
    """Stands for code of a person's task."""
    [][len(recipe.to_list())]


def refused(recipe) -> None:
    raise TrialFailed("nothing to prune")


@pytest.fixture
def try_recipe(cli_run, write_yaml, make_raw, make_config, tmp_path, workspace, monkeypatch):
    """Runs the command for the empty recipe, with something else in the place of the pipeline."""

    def run(evaluate) -> tuple[int, str, str]:
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text("[]", encoding="utf-8")
        monkeypatch.setattr("search.planning.reading.read_sweep", lambda *about: (make_config(), SimpleNamespace()))
        monkeypatch.setattr("search.study.saved.sweep_evaluator", lambda *about: evaluate)
        return cli_run("trial", write_yaml(make_raw()), recipe)

    return run


def test_a_traceback_begins_at_the_persons_own_code(try_recipe) -> None:
    code, out, err = try_recipe(persons)
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "test_trial.py" in lines[1]
    assert lines[1].endswith("in persons")
    assert "IndexError: list index out of range" in lines
    assert lines[-1] == "paredown: the recipe failed: IndexError; where it was raised is above"
    assert "typer" not in err


def test_a_folder_in_which_no_state_can_be_kept_is_told_as_such(try_recipe, workspace, monkeypatch) -> None:
    monkeypatch.setattr("pipelines.tasks.fault.place", lambda error: "")  # the error passes no line of the person's

    def unwritable(recipe) -> None:
        raise PermissionError(13, "Permission denied", str(workspace.root / "store"))

    code, out, err = try_recipe(unwritable)
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    assert "no state can be kept in" in err
    assert "set PAREDOWN_HOME to a folder that can be written" in err


def test_what_is_expected_to_fail_has_no_traceback(try_recipe) -> None:
    assert try_recipe(refused) == (1, "", "paredown: nothing to prune\n")
