import re

import onnx
import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.importances import L2
from pipelines.networks.exclusion import ALL_EXCLUDED, Exclusion
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
        (nn.Linear(2, 2), "no two blocks with weights that keep their input's shape follow each other"),
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


class Row(nn.Module):
    """Convolutions, norms and rectifiers, in a list or as attributes; the rectifiers may be functions."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, width, norms = way, 8, 3
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        parts = [[nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()] for _ in range(norms)]
        if way == "list":
            self.layers = nn.ModuleList(part for each in parts for part in each)
        else:
            for number, (conv, norm, rectifier) in enumerate(parts):
                self.add_module(f"conv{number}", conv)
                self.add_module(f"norm{number}", norm)
                if way == "attributes":
                    self.add_module(f"rectifier{number}", rectifier)
        self.head = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        for layer in self.layers if self.way == "list" else ():
            x = layer(x)
        for number in () if self.way == "list" else range(3):
            x = getattr(self, f"norm{number}")(getattr(self, f"conv{number}")(x))
            x = getattr(self, f"rectifier{number}")(x) if self.way == "attributes" else torch.relu(x)
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("way", ["list", "attributes", "functions"])
def test_what_follows_a_block_goes_with_it_in_rows_of_any_kind(way: str) -> None:
    model, example = Row(way).eval(), torch.randn(2, 1, 8, 8)
    name = "layers" if way == "list" else ""
    assert PRUNER.problem(model, example) is None
    assert PRUNER.sizes(model, example) == {name: 3}
    history = cut(model, 1 / 3, example)
    assert len(history) == (2 if way == "functions" else 3)
    kinds = [type(module) for module in model.modules()]
    assert (kinds.count(nn.Conv2d), kinds.count(nn.BatchNorm2d)) == (3, 2)  # with the stem
    assert kinds.count(nn.ReLU) == (0 if way == "functions" else 2)
    assert PRUNER.sizes(model, example) == {name: 2}
    assert len(cut(model, 0.9, example)) == (2 if way == "functions" else 3)
    assert PRUNER.sizes(model, example) == {name: 1}
    assert model(example).shape == (2, 2)


def test_attributes_beside_each_other_are_no_row(networks) -> None:
    """Queries, keys and values keep their input's shape, and none is what the next is given."""
    make, example = networks["transformer"]
    assert PRUNER.sizes(make().eval(), example) == {"blocks": 3}


def test_excluded_blocks_stay() -> None:
    model = nn.Sequential(nn.Linear(2, 4), *(nn.Linear(4, 4) for _ in range(3)), nn.Linear(4, 2)).eval()
    exclude = Exclusion(("1", "2.bias"))
    sizes = PRUNER.sizes(model, EXAMPLE, exclude)
    assert sizes == {"": 1}
    assert PRUNER.problem(model, EXAMPLE, exclude) == ALL_EXCLUDED
    assert PRUNER.problem(model, EXAMPLE, Exclusion(("1",))) is None
    PRUNER.prune(model, PruningRequest(EXAMPLE, 0.5, {"": 2}, L2(), exclude=Exclusion(("1",))))
    assert [type(part) for part in model].count(nn.Linear) == 4
    assert isinstance(model[1], nn.Linear)
