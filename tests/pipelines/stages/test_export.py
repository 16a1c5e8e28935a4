from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from pipelines.checkpoint import Checkpoint
from pipelines.context import Context
from pipelines.errors import TrialFailed
from pipelines.runtimes import OnnxRuntime, to_feed
from pipelines.stages import MODEL, Export
from pipelines.stages.export import OPSET


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return self.layer(one + other)


class Inexportable(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.rfft(super().forward(x)).real.cumsum(1) @ torch.linalg.pinv(self.weight @ self.weight.T)


def export(model: nn.Module, example: object, context: Context, folder: Path) -> Path:
    class One(type(context.task)):
        def teacher(self) -> nn.Module:
            return model

        def example_input(self) -> object:
            return example

    Checkpoint(model.eval(), [{"network": "teacher"}]).save(folder)
    Export().run((folder,), folder, {}, replace(context, task=One()))
    return folder / MODEL


def test_the_file_is_whole_legal_and_of_one_opset(exported) -> None:
    model = onnx.load(exported.file)
    onnx.checker.check_model(model, full_check=True)
    assert [opset.version for opset in model.opset_import] == [OPSET]
    assert [path.name for path in exported.file.parent.glob("*.onnx*")] == [MODEL]


def test_the_batch_is_free_and_the_rest_is_not(exported) -> None:
    (given,) = onnx.load(exported.file).graph.input
    assert given.name == "input"
    assert [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim] == ["batch", 1, 8, 8]


def test_several_inputs_keep_their_order(context: Context, tmp_path: Path) -> None:
    model, inputs = Sum(), (torch.rand(4, 3), torch.rand(4, 3))
    file = export(model, (torch.zeros(1, 3), torch.zeros(1, 3)), context, tmp_path)
    assert [given.name for given in onnx.load(file).graph.input] == ["input_0", "input_1"]
    output = OnnxRuntime().load(file, 1).run(to_feed(inputs))
    torch.testing.assert_close(torch.from_numpy(output), model(*inputs).detach())


def test_what_onnx_cannot_say_fails_the_trial(context: Context, tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match="the network cannot be exported to ONNX: "):
        export(Inexportable(3, 3), torch.zeros(1, 3), context, tmp_path)
