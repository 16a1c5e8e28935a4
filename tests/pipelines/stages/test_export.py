from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.formats.onnx_format import MODEL
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed
from pipelines.stages import Export
from pipelines.tasks.task import Split, as_tuple
from pipelines.training.context import Context


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return self.layer(one + other)


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
