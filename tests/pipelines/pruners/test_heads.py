import re

import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.importances import IMPORTANCES, L2
from pipelines.networks.attention import HeadAttention
from pipelines.pruners import HeadPruner, PruningRequest

PRUNER = HeadPruner()


class Reads(nn.Module):
    """Attention that gives its input's width, whatever the number of heads; with odd ways on demand."""

    def __init__(self, way: str, heads: int = 4) -> None:
        super().__init__()
        self.num_heads, self.way, self.embed_dim = heads, way, 16
        self.q, self.k, self.v, self.o = (nn.Linear(16, 16) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        if self.way == "input's width":
            size = width // self.num_heads
            q, k, v = (f(x).reshape(batch, length, self.num_heads, size) for f in (self.q, self.k, self.v))
        else:
            q, k, v = (f(x).reshape(batch, length, self.num_heads, -1) for f in (self.q, self.k, self.v))
        scale = width // self.num_heads if self.way == "scale" else 4
        weights = (torch.einsum("blhd,bmhd->bhlm", q, k) / scale**0.5).softmax(-1)
        joined = torch.einsum("bhlm,bmhd->blhd", weights, v)
        return self.o(joined.reshape(batch, length, self.embed_dim))


def cut(model: nn.Module, example: torch.Tensor, ratio: float, scope: str = "local") -> PruningRequest:
    return PruningRequest(example, ratio, PRUNER.sizes(model, example), L2(), {"ratio": ratio, "scope": scope})


def test_the_sizes_are_those_counted_by_hand(networks: dict) -> None:
    make, example = networks["encoder"]
    model = make().eval()
    assert PRUNER.sizes(model, example) == {f"encoder.layers.{index}.self_attn": 4 for index in range(3)}
    before = sum(p.numel() for p in model.parameters())
    PRUNER.prune(model, cut(model, example, 0.5))
    # Of each attention 2 heads of 4: 3 projections to 8 with their biases, and 8 columns of the output projection.
    assert before - sum(p.numel() for p in model.parameters()) == 3 * (3 * (8 * 16 + 8) + 8 * 16)
    attention = model.encoder.layers[0].self_attn
    assert isinstance(attention, HeadAttention)
    assert (attention.num_heads, attention.query.weight.shape, attention.output.weight.shape) == (2, (8, 16), (16, 8))


@pytest.mark.parametrize("batch_first", [True, False])
def test_conversion_changes_nothing_and_a_cut_is_as_if_the_heads_gave_nothing(
    networks: dict, batch_first: bool
) -> None:
    make, example = networks["encoder"]
    model, copy, inputs = (
        make(batch_first=batch_first).eval(),
        make(batch_first=batch_first).eval(),
        (torch.randn(1, 5, 6),),
    )
    copy.load_state_dict(model.state_dict())
    gone = {0: [1, 3], 1: [0, 2], 2: [0, 1]}
    for layer, heads in gone.items():
        attention = model.encoder.layers[layer].self_attn
        for head in heads:
            with torch.no_grad():
                attention.in_proj_weight[[*range(4 * head, 4 * head + 4)]] *= 1e-6  # the queries' rows
                attention.in_proj_weight[[*range(16 + 4 * head, 20 + 4 * head)]] *= 1e-6
                attention.in_proj_weight[[*range(32 + 4 * head, 36 + 4 * head)]] *= 1e-6
                attention.out_proj.weight[:, 4 * head : 4 * head + 4] = 0
    expected = model(*inputs)
    history = PRUNER.prune(model, cut(model, example, 0.5))
    assert torch.allclose(model(*inputs), expected, atol=1e-5)
    name = "encoder.layers.{}.self_attn.output.weight"
    assert [history["gone"][name.format(layer)]["1"] for layer in gone] == [
        [4 * head + at for head in heads for at in range(4)] for heads in gone.values()
    ]
    assert not torch.allclose(copy(*inputs), expected, atol=1e-3)


def test_ranked_together_the_weakest_attention_loses_most(networks: dict) -> None:
    make, example = networks["transformer"]
    model = make().eval()
    for name, parameter in model.named_parameters():
        parameter.grad = torch.ones_like(parameter) * (1e-3 if "blocks.1" in name else 1)
    found = cut(model, example, 0.25, "global")
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}

    def leave(network: nn.Module) -> None:
        for name, parameter in network.named_parameters():
            parameter.grad = gradients[name].clone()

    PRUNER.prune(model, PruningRequest(example, 0.25, found.sizes, IMPORTANCES["taylor"], found.params, leave))
    assert PRUNER.sizes(model, example) == {"blocks.0.attention": 4, "blocks.2.attention": 4}
    assert model.blocks[1].attention.num_heads == 1


def test_attributes_with_the_width_of_all_heads_shrink_with_them() -> None:
    model, example = nn.Sequential(Reads("plain")).eval(), torch.zeros(1, 5, 16)
    assert PRUNER.problem(model, example) is None
    PRUNER.prune(model, cut(model, example, 0.5))
    assert (model[0].num_heads, model[0].embed_dim) == (2, 8)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        (
            "input's width",
            "it fails: RuntimeError: shape '[1, 5, 2, 8]' is invalid for input of size 40",
        ),
        ("scale", "the network computes something else than with them at zero"),
    ],
)
def test_attention_that_cannot_lose_heads_is_told_beforehand(way: str, reason: str) -> None:
    model, example = nn.Sequential(Reads(way)).eval(), torch.zeros(1, 5, 16)
    advice = "write its forward() in terms of its number of heads and their width"
    told = f"no width can be cut: 0: without some of its channels {reason}; {advice}"
    assert PRUNER.problem(model, example) == told
    with pytest.raises(TrialFailed, match=re.escape(f"0: without some of its channels {reason}")):
        PRUNER.prune(model, cut(model, example, 0.5))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (nn.Linear(16, 2), "the network has no attention with several heads"),
        (nn.Sequential(Reads("plain", heads=1)), "the network has no attention with several heads"),
    ],
    ids=["no attention", "one head"],
)
def test_a_network_without_heads_to_spare_is_told_beforehand(model: nn.Module, reason: str) -> None:
    assert (PRUNER.problem(model, torch.zeros(1, 5, 16)) or "").startswith(reason)


def test_its_label_says_what_differs_from_the_defaults() -> None:
    assert PRUNER.label({"ratio": 0.5}) == "head0.5"
    assert PRUNER.label({"ratio": 0.25, "scope": "global"}) == "head0.25g"
