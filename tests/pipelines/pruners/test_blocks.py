import re

import onnx
import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.importances import L2
from pipelines.pruners import BlockPruner, PruningRequest

PRUNER = BlockPruner()


class Shift(nn.Module):
    """A block that turns what passes by `angle`, in radians: its influence is 1 − cos(angle)."""

    def __init__(self, angle: float) -> None:
        super().__init__()
        sine, cosine = torch.sin(torch.tensor(angle)), torch.cos(torch.tensor(angle))
        self.turn = nn.Parameter(torch.tensor([[cosine, -sine], [sine, cosine]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.turn.T


class Listed(nn.Module):
    """Blocks in a list, called in a loop, by index, or side by side with a list of norms."""

    def __init__(self, way: str, angles: tuple[float, ...] = (0.3, 0.1, 0.2)) -> None:
        super().__init__()
        self.way, self.blocks = way, nn.ModuleList(Shift(angle) for angle in angles)
        self.scales = nn.ParameterList(torch.tensor(float(index + 1)) for index in range(len(angles)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.way == "index":
            return self.blocks[2](self.blocks[1](self.blocks[0](x)))
        for block, scale in zip(self.blocks, self.scales, strict=False):
            x = block(x) * (scale if self.way == "side by side" else 1)
        return x


EXAMPLE = torch.tensor([[1.0, 0.0]])


def cut(model: nn.Module, ratio: float | dict[str, float], example: torch.Tensor = EXAMPLE) -> list[str]:
    return PRUNER.prune(model, PruningRequest(example, ratio, PRUNER.sizes(model, example), L2()))


@pytest.mark.parametrize(
    ("ratio", "gone"), [(0.3, ["blocks.1"]), (0.6, ["blocks.2", "blocks.1"]), (0.9, ["blocks.2", "blocks.1"])]
)
def test_the_blocks_of_least_influence_go_but_one_stays(ratio: float, gone: list[str]) -> None:
    model = Listed("loop")
    assert cut(model, ratio) == gone
    assert len(model.blocks) == 3 - len(gone)
    angle = torch.tensor({1: 0.5, 2: 0.3}[len(gone)])
    assert torch.allclose(model(EXAMPLE), torch.stack([angle.cos(), angle.sin()]).unsqueeze(0), atol=1e-6)


def test_the_ratio_counts_the_blocks_of_all_sequences_or_of_each() -> None:
    model = nn.Sequential(nn.Sequential(Shift(0.1), Shift(0.2)), nn.Linear(2, 2), nn.Sequential(Shift(0.4), Shift(0.3)))
    assert PRUNER.sizes(model, EXAMPLE) == {"0": 2, "": 1, "2": 2}
    assert cut(model, {"2": 0.5}) == ["2.1"]
    model = nn.Sequential(nn.Sequential(Shift(0.1), Shift(0.2)), nn.Flatten(), nn.Sequential(Shift(0.4), Shift(0.3)))
    assert cut(model, 0.25) == ["0.0"]
    assert [type(block).__name__ for block in model[0]] == ["Removed", "Shift"]


def test_a_sequence_of_layers_is_a_block_and_a_sequence_of_blocks_is_not(networks: dict) -> None:
    def unit() -> nn.Module:
        return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())

    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Sequential(unit(), unit(), unit())).eval()
    assert PRUNER.sizes(model, torch.zeros(1, 1, 8, 8)) == {"1": 3}
    make, example = networks["encoder"]
    assert PRUNER.sizes(make().eval(), example) == {"encoder.layers": 3}


def test_what_is_gone_is_not_in_the_file(networks: dict, tmp_path) -> None:
    make, example = networks["residual"]
    model = make(blocks=3).eval()
    cut(model, 0.5, example)
    torch.onnx.export(model, (example,), str(tmp_path / "file"), dynamo=False, opset_version=18)
    operators = [node.op_type for node in onnx.load(tmp_path / "file").graph.node]
    assert operators.count("Conv") == 1 + 2
    assert "Identity" not in operators


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (nn.Linear(2, 2), "no nn.Sequential or nn.ModuleList holds two blocks with weights that keep their"),
        (Listed("index"), "no block can be removed: blocks.1, blocks.2: without it the network fails: IndexError"),
        (
            Listed("side by side"),
            "no block can be removed: blocks.1, blocks.2: without it the network computes something else",
        ),
    ],
    ids=["no blocks", "by index", "side by side"],
)  # fmt: skip
def test_a_network_that_is_not_whole_without_blocks_is_told_beforehand(model: nn.Module, reason: str) -> None:
    assert (PRUNER.problem(model, EXAMPLE) or "").startswith(reason)
    with pytest.raises(TrialFailed):
        cut(model, 0.5)


def test_the_last_block_of_each_sequence_stays() -> None:
    model = Listed("loop", angles=(0.1,))
    with pytest.raises(TrialFailed, match=re.escape("no block to remove at ratio 0.5: each sequence keeps one")):
        cut(model, 0.5)


def test_its_label_names_the_ratio() -> None:
    assert PRUNER.label({"ratio": 0.25}) == "blk0.25"
