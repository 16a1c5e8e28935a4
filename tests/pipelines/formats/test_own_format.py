"""A runtime with a format of its own: two files and their registration are all that it takes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipelines import STEPS, Evaluator, Store, Target, Targets, Training
from pipelines.errors import TrialFailed
from pipelines.formats import FORMATS, artifact_in
from pipelines.meters import METERS, Measurement
from pipelines.pipeline import nodes
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.runtimes import to_feed
from pipelines.stages import Export
from pipelines.training.context import Context
from spaces import Recipe
from tests.pipelines.formats.npz_format import NpzFormat
from tests.pipelines.formats.numpy_runtime import NumpyRuntime, NumpySession
from tests.pipelines.formats.own import USE, Halves

pytestmark = pytest.mark.usefixtures("own_format")

PRUNE = {"prune": {"method": "channel", "ratio": 0.5}}
TRAINING = Training(teacher_epochs=20, student_epochs=2, finetune_epochs=2, learning_rate=0.01)


@pytest.fixture
def evaluator(tmp_path: Path) -> Evaluator:
    return Evaluator(
        USE, TRAINING, Targets.only(Target("numpy")), seed=0, store=Store(tmp_path / "store"), device="cpu"
    )


def test_for_a_second_format_only_the_file_is_made_besides(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {metric.name: 1.0 for meter in METERS if meter.running for metric in meter.metrics}
    monkeypatch.setattr("pipelines.evaluator.measure_running", lambda candidate: Measurement(needed))
    both = replace(evaluator, targets=Targets((("edge", Target()), ("own", Target("numpy")))))
    recipe = Recipe.from_list([PRUNE], STEPS)
    found, again = both(recipe), both(recipe)
    assert [stage.name for stage in found.stages] == ["teacher", "prune", "export", "pack"]
    assert [(stage.name, stage.reused) for stage in found.other_stages] == [("export", False), ("pack", False)]
    assert all(stage.reused for stage in (*again.stages, *again.other_stages))
    names = [both.build(recipe, target=name).file.name for name in both.targets.names]
    assert names == ["model.onnx", "model.npz"]
    metrics = found.measurement.metrics
    assert metrics["size_mb"] == max(metrics["size_mb@edge"], metrics["size_mb@own"])
    assert metrics["accuracy@own"] == pytest.approx(metrics["accuracy@edge"], abs=0.05)
    assert both.is_built(recipe)
    both.store.discard(found.other_stages[-1].key)
    assert not both.is_built(recipe)


@pytest.mark.slow
def test_a_recipe_is_built_verified_and_measured_in_the_process_that_measures(evaluator: Evaluator) -> None:
    recipe = Recipe.from_list([PRUNE], STEPS)
    found = evaluator(recipe)
    assert [stage.name for stage in found.stages] == ["teacher", "prune", "export", "pack"]
    built = evaluator.build(recipe)
    assert (built.artifact.format, built.file.name) == ("npz", "model.npz")

    network, exported = (evaluator.store.get(found.stages[index].key) for index in (1, 2))
    assert network
    assert exported
    model, images = Checkpoint.load(network, evaluator.task).model, torch.rand(7, 1, 8, 8)
    outputs = NumpyRuntime().load(built.artifact, Target("numpy")).run(to_feed(images))
    np.testing.assert_allclose(outputs, model(images).detach(), rtol=1e-5, atol=1e-6)
    assert built.file.stat().st_size < (exported / "model.npz").stat().st_size

    metrics, notes = found.measurement.metrics, found.measurement.notes
    assert metrics["parameters"] == sum(parameter.numel() for parameter in model.parameters()) < 64 * 32
    assert metrics["accuracy"] > 0.9
    assert metrics["size_mb"] == built.file.stat().st_size / 1e6
    assert metrics["latency_ms"] > 0
    assert notes["latency.conditions"].startswith(f"batch 1, 1 thread, numpy {np.__version__}, ")
    assert "macs" not in metrics
    assert notes["macs"] == "not available: the file does not say how often a weight is used"


def test_a_worker_that_does_not_know_the_runtime_says_so(evaluator: Evaluator) -> None:
    reason = "the runtime 'nump' is not registered where this trial runs; register it in the module of the task"
    with pytest.raises(TrialFailed, match=reason):
        replace(evaluator, targets=Targets.only(Target("nump")))(Recipe())


def keys(evaluator: Evaluator) -> dict[str, str]:
    return {stage.name: key for stage, _, key in nodes(Recipe(), evaluator.context)}


@pytest.mark.parametrize("change", [{"version": 2}, {"settings": {"compression": 9}}, {"libraries": ("torch",)}])
def test_its_files_are_written_anew_when_they_would_be_others(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch, change: dict
) -> None:
    before = keys(evaluator)
    for name, value in change.items():
        monkeypatch.setattr(NpzFormat, name, value)
    after = keys(evaluator)
    assert [name for name in before if before[name] != after[name]] == ["export", "pack"]


def test_networks_are_shared_with_other_formats_and_files_are_not(evaluator: Evaluator) -> None:
    own, onnx = keys(evaluator), keys(replace(evaluator, targets=Targets()))
    assert [name for name in own if own[name] != onnx[name]] == ["export", "pack"]


@pytest.fixture
def export(tmp_path: Path) -> Callable[[nn.Module], Path]:
    """Runs the stage that exports a network, with the format of one's own."""

    def make(network: nn.Module) -> Path:
        class One(Halves):
            def teacher(self) -> nn.Module:
                return network

        Checkpoint(network.eval(), [{"network": "teacher"}]).save(tmp_path)
        context = Context(One(), "one", Training(), seed=0, device=torch.device("cpu"), format="npz")
        Export().run(tmp_path, tmp_path, {}, context)
        return artifact_in(tmp_path, "npz").path

    return make


def test_the_exported_file_is_run_in_its_reference_runtime(export: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    assert export(Halves().teacher()).name == FORMATS["npz"].file
    whole = NumpySession.run
    monkeypatch.setattr(NumpySession, "run", lambda self, feed: whole(self, feed) * 2)
    with pytest.raises(TrialFailed, match="the exported file does not do what the network does: outputs differ by up"):
        export(Halves().teacher())


def test_what_it_cannot_say_fails_the_trial(export: Callable) -> None:
    with pytest.raises(TrialFailed, match="the network cannot be exported to NumPy: it has a Softmax"):
        export(nn.Sequential(nn.Flatten(), nn.Linear(64, 2), nn.Softmax(1)))
