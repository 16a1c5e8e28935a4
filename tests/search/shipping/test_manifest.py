import json

import pytest

from pipelines import STEPS
from search.shipping.manifest import manifest
from spaces import Recipe

HASHES = {"model.onnx": "a" * 64, "README.md": "b" * 64}


def test_it_says_which_file_and_how_it_was_made(bundle) -> None:
    made = bundle()
    data = json.loads(json.dumps(manifest(made, HASHES)))
    assert (data["file"], data["sha256"], data["size_bytes"]) == ("model.onnx", "a" * 64, len(b"a network"))
    assert data["files"] == HASHES
    assert (data["sweep"], data["trial"], data["seed"]) == ("small", 3, 0)
    assert Recipe.from_list(data["recipe"], STEPS) == made.trial.recipe
    assert data["recipe_digest"] == made.trial.recipe.digest
    assert data["target"] == made.config.targets.first.to_json()
    assert {"python", "paredown", "torch", "torch-pruning", "onnxruntime"} <= set(data["versions"])


def test_it_has_the_figures_of_the_file_and_of_the_teacher(bundle) -> None:
    data = manifest(bundle(), HASHES)
    assert data["metrics"] == {"accuracy": 0.95, "latency_ms": 2.0, "size_mb": 1.0}
    assert data["intervals"] == {"accuracy": (0.93, 0.97)}
    assert data["baseline"] == {"metrics": {"accuracy": 0.96, "latency_ms": 4.0, "size_mb": 2.0}, "intervals": {}}
    assert "remeasured" not in data
    assert (data["validation_accuracy"], data["test_accuracy"]) == (0.95, 0.94)
    assert data["held_out"]["opened"] == "1970-01-02T00:00:00+00:00"


def test_what_was_measured_again_stands_beside_what_the_sweep_recorded(bundle) -> None:
    data = manifest(bundle(remeasured=True), HASHES)
    assert (data["metrics"]["latency_ms"], data["remeasured"]["metrics"]["latency_ms"]) == (2.0, 2.5)


@pytest.mark.parametrize("current", [True, False])
def test_it_says_whether_the_file_would_be_made_again(bundle, current) -> None:
    assert manifest(bundle(current=current), HASHES)["rebuilds"] is current
