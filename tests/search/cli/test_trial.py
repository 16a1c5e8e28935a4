import json
from types import SimpleNamespace

import pytest

from pipelines import Evaluation, StageRun
from pipelines.file_hash import sha256
from pipelines.meters import Measurement


@pytest.fixture
def built(monkeypatch, tmp_path):
    """What is built and measured without any work, and the recipes that were asked for."""
    file, asked = tmp_path / "model.onnx", []
    file.write_bytes(b"a network")

    class Work:
        def __call__(self, recipe):
            asked.append(recipe)
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
    assert lines == [
        f"sha256: {sha256(file)}",
        "accuracy: 0.5 (0.4 to 0.6)",
        "size_mb: 2",
        "load: quiet [busy]",
        "stage teacher: 2.00 s (reused)",
        "stage export: 0.50 s",
    ]


def test_as_json(cli_run, write_yaml, make_raw, workspace, built, recipe) -> None:
    code, out, _ = cli_run("trial", write_yaml(make_raw()), recipe, "--json")
    data = json.loads(out)
    assert code == 0
    assert data["metrics"] == {"accuracy": 0.5, "size_mb": 2.0}
    assert data["intervals"] == {"accuracy": [0.4, 0.6]}
    assert [(stage["name"], stage["reused"]) for stage in data["stages"]] == [("teacher", True), ("export", False)]
    assert (data["file"], data["sha256"]) == (str(built[0]), sha256(built[0]))


def test_a_recipe_that_cannot_be_is_wrong_input(cli_run, write_yaml, make_raw, workspace, built, recipe) -> None:
    recipe.write_text("- prune: {method: chanel, ratio: 0.5}\n- glue: {}\n", encoding="utf-8")
    code, out, err = cli_run("trial", write_yaml(make_raw()), recipe)
    assert (code, out) == (2, "")
    assert "recipe[0].prune.method: 'chanel' is not known (did you mean 'channel'?)" in err
    assert "recipe[1]: 'glue' is not known" in err
    assert built[1] == []
