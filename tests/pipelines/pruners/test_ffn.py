import pytest
import torch
from torch import nn
from torch.nn import functional

from pipelines.importances import L2
from pipelines.pruners import FeedForwardPruner, PruningRequest

PRUNER = FeedForwardPruner()


class Gated(nn.Module):
    """A gated feed-forward part after attention: in two layers, or in one that is split in half."""

    def __init__(self, *, split: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.up = nn.Linear(16, 64 if split else 32)
        self.gate = None if split else nn.Linear(16, 32)
        self.down, self.head = nn.Linear(32, 16), nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(x, x, x)[0]
        up, gate = (self.up(x), self.gate(x)) if self.gate else self.up(x).chunk(2, dim=-1)
        return self.head((x + self.down(functional.silu(gate) * up)).mean(1))


def cut(model: nn.Module, example: torch.Tensor, ratio: float) -> None:
    PRUNER.prune(model, PruningRequest(example, ratio, PRUNER.sizes(model, example), L2()))


@pytest.mark.parametrize(
    ("name", "layer"), [("encoder", "encoder.layers.{}.linear1"), ("transformer", "blocks.{}.mlp.0")]
)
def test_inner_widths_shrink_and_the_residual_width_stays(networks: dict, name: str, layer: str) -> None:
    make, example = networks[name]
    model = make().eval()
    assert PRUNER.sizes(model, example) == {layer.format(index): 32 for index in range(3)}
    before = sum(p.numel() for p in model.parameters())
    cut(model, example, 0.5)
    assert PRUNER.sizes(model, example) == {layer.format(index): 16 for index in range(3)}
    # Of each part 16 rows with their biases, and 16 columns.
    assert before - sum(p.numel() for p in model.parameters()) == 3 * (16 * 16 + 16 + 16 * 16)
    assert model.head.in_features == 16


@pytest.mark.parametrize(("split", "width", "kept"), [(False, 32, 16), (True, 64, 32)], ids=["two layers", "halves"])
def test_what_a_gate_is_multiplied_with_goes_with_it(split: bool, width: int, kept: int) -> None:
    model, example = Gated(split=split).eval(), torch.zeros(1, 5, 16)
    assert PRUNER.sizes(model, example) == {"up": width}
    cut(model, example, 0.5)
    assert (model.up.out_features, model.down.in_features) == (kept, 16)


@pytest.mark.parametrize("name", ["cnn", "gate"])
def test_a_network_without_feed_forward_parts_is_told_beforehand(networks: dict, name: str) -> None:
    class Only(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.head = nn.MultiheadAttention(16, 4, batch_first=True), nn.Linear(16, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.attention(x, x, x)[0].mean(1))

    model, example = (networks[name][0](), networks[name][1]) if name in networks else (Only(), torch.zeros(1, 5, 16))
    assert PRUNER.problem(model.eval(), example) == (
        "no linear layers or convolutions of one place lead from a residual width to one of their own and back; for "
        "other layers use channel"
    )


class FusedAttention(nn.Module):
    """Attention that takes queries, keys and values from one layer, so that it is not known for attention."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).reshape(1, -1, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q @ k.transpose(-2, -1)).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(1, -1, 16))


class FusedTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.attention, self.head = nn.Linear(6, 16), FusedAttention(), nn.Linear(16, 2)
        self.fc1, self.fc2, self.norm = nn.Linear(16, 32), nn.Linear(32, 16), nn.LayerNorm(16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        x = x + self.attention(self.norm(x))
        return self.head((x + self.fc2(torch.relu(self.fc1(self.norm(x))))).mean(1))


def test_feed_forward_parts_are_found_beside_attention_of_one_layer() -> None:
    model, example = FusedTransformer().eval(), torch.randn(1, 5, 6)
    assert PRUNER.problem(model, example) is None
    assert dict(PRUNER.sizes(model, example)) == {"fc1": 32}


def test_its_label_says_what_differs_from_the_defaults() -> None:
    assert PRUNER.label({"ratio": 0.5}) == "ffn0.5"
    assert PRUNER.label({"ratio": 0.5, "scope": "global", "round_to": 16}) == "ffn0.5gr16"
