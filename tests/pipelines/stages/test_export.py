from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed
from pipelines.stages import MODEL, Export
from pipelines.stages.export import OPSET
from pipelines.tasks.task import Split, as_tuple
from pipelines.training.context import Context


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

        def batches(self, split: Split) -> list:
            random = torch.Generator().manual_seed(0)
            inputs = tuple(torch.rand(4, *x.shape[1:], generator=random) for x in as_tuple(example))
            return [(inputs, torch.zeros(4))]

    Checkpoint(model.eval(), [{"network": "teacher"}]).save(folder)
    Export().run(folder, folder, {}, replace(context, task=One()))
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
    output = OnnxRuntime().load(Artifact(file, "onnx"), Target()).run(to_feed(inputs))
    torch.testing.assert_close(torch.from_numpy(output), model(*inputs).detach())


class Branching(nn.Linear):
    """Its trace keeps the branch that the example took."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (3 if x.abs().sum() > 0 else 1)


class Fixed(nn.Linear):
    """Its trace keeps the number of examples that it saw."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.arange(len(x)).reshape(-1, 1)


class Undefined(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / x.sum().clamp(max=0)


@pytest.mark.parametrize("network", [Branching, Fixed])
def test_a_file_that_does_not_do_what_the_network_does_fails_the_trial(
    network: type[nn.Linear], context: Context, tmp_path: Path
) -> None:
    reason = "the exported file does not do what the network does: outputs differ by up to .*, and the network's are"
    with pytest.raises(TrialFailed, match=reason):
        export(network(3, 3), torch.zeros(1, 3), context, tmp_path)


def test_a_network_without_finite_outputs_fails_the_trial(context: Context, tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match="the network gives outputs that are not finite"):
        export(Undefined(3, 3), torch.zeros(1, 3), context, tmp_path)


def test_outputs_of_another_shape_fail_the_trial(context: Context, tmp_path: Path) -> None:
    class Pairs(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).repeat(int(x.abs().sum() > 0) + 1, 1)

    with pytest.raises(TrialFailed, match=r"the exported file gives outputs of shape \(4, 3\), the network \(8, 3\)"):
        export(Pairs(3, 3), torch.zeros(1, 3), context, tmp_path)


def test_what_onnx_cannot_say_fails_the_trial(context: Context, tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match="the network cannot be exported to ONNX: "):
        export(Inexportable(3, 3), torch.zeros(1, 3), context, tmp_path)


@pytest.mark.parametrize("trainable", [True, False], ids=["trainable", "frozen"])
def test_torchs_fused_attention_is_left_out_and_comes_back(context: Context, tmp_path: Path, trainable: bool) -> None:
    layer = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)).eval().requires_grad_(trainable)
    tokens = torch.randn(3, 5, 8)
    file = export(layer, tokens[:1], context, tmp_path)
    outputs = torch.from_numpy(OnnxRuntime().load(Artifact(file, "onnx"), Target()).run(to_feed(tokens)))
    torch.testing.assert_close(outputs, layer(tokens).detach())
    assert torch.backends.mha.get_fastpath_enabled()
