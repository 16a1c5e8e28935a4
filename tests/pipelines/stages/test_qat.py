import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.formats.onnx_format import MODEL
from pipelines.onnxfile.coverage import int8_coverage
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed
from pipelines.stages import Export, QuantizationAwareTraining, Quantize, TrainTeacher
from pipelines.stages.qat import REPORT
from pipelines.tasks.task import Batch, Split
from pipelines.training.context import Context
from pipelines.training.epoch_budget import EpochBudget

PARAMS = {"scheme": "qat-int8", "granularity": "tensor", "calibration_size": "all"}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    return make


@pytest.fixture
def trained(context: Context, folder: Callable) -> Path:
    out = folder("teacher")
    torch.manual_seed(0)
    TrainTeacher().run(Path(), out, {}, context)
    return out


def test_the_file_has_the_accuracy_that_the_training_promised(
    trained: Path, context: Context, folder: Callable
) -> None:
    qat, exported, quantized = folder("qat"), folder("export"), folder("quantize")
    QuantizationAwareTraining().run(trained, qat, PARAMS, context)
    Export().run(qat, exported, {}, context)
    Quantize().run(exported, quantized, PARAMS, context)
    report = json.loads((qat / REPORT).read_text())
    assert set(report) == {"floating", "rounded_before", "rounded_after"}
    session = OnnxRuntime().load(Artifact(quantized / MODEL, "onnx"), Target())
    right = [torch.from_numpy(session.run(to_feed(x))).argmax(1) == y for x, y in context.task.batches("validation")]
    assert torch.cat(right).float().mean().item() == report["rounded_after"] == 1
    assert (int8_coverage(quantized / MODEL).int8, int8_coverage(quantized / MODEL).floating) == (3, 0)


def test_the_result_is_an_ordinary_network_of_the_same_structure(
    trained: Path, context: Context, folder: Callable
) -> None:
    out = folder("qat")
    QuantizationAwareTraining().run(trained, out, PARAMS, context)
    before, after = Checkpoint.load(trained, context.task), Checkpoint.load(out, context.task)
    assert after.structure == before.structure
    weights, trained_weights = before.model.state_dict(), after.model.state_dict()
    assert set(weights) == set(trained_weights)
    assert not torch.equal(weights["0.weight"], trained_weights["0.weight"])
    assert torch.equal(weights["1.running_mean"], trained_weights["1.running_mean"])


class Outlier(nn.Module):
    """A layer whose weights cannot be told apart once they are rounded, since one is so much larger."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 2, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([[0.4, -0.4, 0.0, 0.0, 64.0], [-0.4, 0.4, 0.0, 0.0, 64.0]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


class Hard:
    """The larger of two numbers; the last of five inputs says nothing and has an enormous weight."""

    def teacher(self) -> nn.Module:
        return Outlier()

    def batches(self, split: Split) -> Iterable[Batch]:
        random = torch.Generator().manual_seed(len(split))
        for _ in range(8):
            x = torch.rand(32, 5, generator=random)
            x[:, 4] = 0.01
            yield x, (x[:, 1] > x[:, 0]).long()

    def example_input(self) -> torch.Tensor:
        return torch.zeros(1, 5)


def test_it_wins_back_what_rounding_loses_and_zeros_stay(context: Context, folder: Callable) -> None:
    hard = replace(
        context, task=Hard(), training=context.training.model_copy(update={"teacher_epochs": 0, "learning_rate": 0.5})
    )
    teacher, out = folder("teacher"), folder("qat")
    TrainTeacher().run(Path(), teacher, {}, hard)
    pruned = {"pruner": "unstructured", "history": {"weights": ["layer.weight"]}}
    Checkpoint(Checkpoint.load(teacher, hard.task).model, [{"network": "teacher"}, pruned]).save(teacher)
    torch.manual_seed(0)
    QuantizationAwareTraining().run(teacher, out, PARAMS, hard)
    report = json.loads((out / REPORT).read_text())
    assert report["floating"] == 1
    assert report["rounded_before"] < 0.6
    assert report["rounded_after"] > 0.9
    weight = Checkpoint.load(out, hard.task).model.layer.weight
    assert (weight[:, 2:4] == 0).all()


def test_no_epochs_leave_the_weights_alone(trained: Path, context: Context, folder: Callable) -> None:
    still = replace(context, training=context.training.model_copy(update={"qat_epochs": 0}))
    out = folder("qat")
    QuantizationAwareTraining().run(trained, out, PARAMS, still)
    models = [Checkpoint.load(path, context.task).model.state_dict() for path in (trained, out)]
    assert all(torch.equal(models[0][key], models[1][key]) for key in models[0])


def test_what_the_training_depends_on_is_in_the_key(context: Context) -> None:
    stage = QuantizationAwareTraining()
    settings = stage.settings(PARAMS, context)
    assert settings == context.training.of("qat").settings()
    assert settings["learning_rate"] == pytest.approx(0.1 * context.training.learning_rate)
    assert stage.extent(PARAMS, context) == EpochBudget(3, 3)


def test_a_diverging_training_says_where(trained: Path, context: Context, folder: Callable) -> None:
    wild = replace(context, training=context.training.model_copy(update={"learning_rate": 1e30}))
    with pytest.raises(
        TrialFailed,
        match=r"quantization-aware training: the loss became .* lower training\.qat\.learning_rate \(now 1e\+29\)",
    ):
        QuantizationAwareTraining().run(trained, folder("qat"), PARAMS, wild)
