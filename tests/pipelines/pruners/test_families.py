"""Every method serves networks with tokens by their structure, whatever their parts are called."""

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.importances import L2
from pipelines.networks.exclusion import ALL_EXCLUDED, Exclusion
from pipelines.pruners import PRUNERS, PruningRequest
from pipelines.pruners.check import is_same


class Fused(nn.Module):
    """One projection for queries, keys and values, as in ViT; in windows with a table of biases, as in Swin."""

    def __init__(self, width: int, heads: int, tokens: int, *, windows: bool = False) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.table = nn.Parameter(torch.randn(2 * tokens - 1, heads)) if windows else None
        places = torch.arange(tokens)
        self.register_buffer("index", places[:, None] - places[None, :] + tokens - 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).reshape(len(x), -1, 3, self.heads, self.size).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) * self.size**-0.5
        if self.table is not None:
            scores = scores + self.table[self.index.flatten()].view(*self.index.shape, -1).permute(2, 0, 1)
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(len(x), -1, self.heads * self.size))


class Split(nn.Module):
    """One projection whose output is split, with the width of all heads kept beside, as in GPT-2."""

    def __init__(self, width: int, heads: int, tokens: int) -> None:
        super().__init__()
        self.size, self.inner = width // heads, width
        self.attn, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.attn(x).split(self.inner, dim=2)
        q, k, v = (part.view(len(x), x.shape[1], -1, self.size).transpose(1, 2) for part in parts)
        heads = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(heads.transpose(1, 2).reshape(len(x), -1, self.inner))


class Grouped(nn.Module):
    """Several queries share their keys and values, as in Llama."""

    def __init__(self, width: int, heads: int, tokens: int) -> None:
        super().__init__()
        self.size = width // heads
        self.q, self.o = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.k, self.v = (nn.Linear(width, width // 2, bias=False) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).view(len(x), x.shape[1], -1, self.size).transpose(1, 2) for f in (self.q, self.k, self.v))
        k, v = (y[:, :, None].expand(-1, -1, 2, -1, -1).flatten(1, 2) for y in (k, v))
        heads = functional.scaled_dot_product_attention(q, k, v)
        return self.o(heads.transpose(1, 2).reshape(len(x), x.shape[1], -1))


class RootMeanSquare(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


class Plain(nn.Sequential):
    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 32), nn.GELU(), nn.LayerNorm(32), nn.Dropout(0.1), nn.Linear(32, width))


class GatedLinear(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(width, 32), nn.Linear(width, 32), nn.Linear(32, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Tokens(nn.Module):
    """Patches, a token of the class and positions, two blocks, and a head."""

    def __init__(self, attention: Callable[..., nn.Module], feed: Callable[[int], nn.Module], norm: type) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 16, 4, 4)
        self.first, self.places = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 5, 16))
        self.attention = nn.ModuleList(attention(16, 4, 5) for _ in range(2))
        self.feed = nn.ModuleList(feed(16) for _ in range(2))
        self.norms, self.scale = nn.ModuleList(norm(16) for _ in range(4)), nn.Parameter(torch.randn(16))
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1), x], 1) + self.places
        for at in range(2):
            x = x + self.scale * self.attention[at](self.norms[2 * at](x))
            x = x + self.feed[at](self.norms[2 * at + 1](x))
        return self.head(x[:, 0])


class Mixer(nn.Module):
    """No attention: tokens and channels are mixed in turns."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.tokens, self.channels = nn.Conv2d(1, 16, 2, 2), Plain(16), Plain(16)
        self.norms, self.head = nn.ModuleList(nn.LayerNorm(16) for _ in range(2)), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        return self.head((x + self.channels(self.norms[1](x))).mean(1))


class Pool(nn.Module):
    """Pooling in place of attention, and convolutions of one place in place of linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 16, 2, 2), nn.GroupNorm(1, 16)
        self.fc1, self.fc2, self.head = nn.Conv2d(16, 32, 1), nn.Conv2d(32, 16, 1), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + functional.avg_pool2d(x, 3, 1, 1)
        return self.head((x + self.fc2(functional.gelu(self.fc1(self.norm(x))))).mean((2, 3)))


def windows(width: int, heads: int, tokens: int) -> nn.Module:
    return Fused(width, heads, tokens, windows=True)


EXAMPLE = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))

FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "fused": lambda: Tokens(Fused, Plain, nn.LayerNorm),
    "windows": lambda: Tokens(windows, Plain, nn.LayerNorm),
    "split": lambda: Tokens(Split, GatedLinear, nn.LayerNorm),
    "grouped": lambda: Tokens(Grouped, GatedLinear, RootMeanSquare),
    "mixer": Mixer,
    "pool": Pool,
}

HEADS = {
    "fused": {"attention.0": 4, "attention.1": 4},
    "windows": {"attention.0": 4, "attention.1": 4},
    "split": {"attention.0": 4, "attention.1": 4},
    "grouped": {"attention.0": 2, "attention.1": 2},
}
FEED = {
    "fused": {"feed.0.0": 32, "feed.1.0": 32},
    "windows": {"feed.0.0": 32, "feed.1.0": 32},
    "split": {"feed.0.gate": 32, "feed.1.gate": 32},
    "grouped": {"feed.0.gate": 32, "feed.1.gate": 32},
    "mixer": {"tokens.0": 32, "channels.0": 32},
    "pool": {"fc1": 32},
}
RESIDUAL = {name: ("stem" if name == "pool" else "patches") for name in FAMILIES}


def prune(method: str, model: nn.Module) -> list[str]:
    pruner, notes = PRUNERS[method], list[str]()
    sizes = pruner.sizes(model, EXAMPLE)
    pruner.prune(model, PruningRequest(EXAMPLE, 0.5, sizes, L2(), {"round_to": 1}, note=notes.append))
    return notes


@pytest.fixture(autouse=True)
def fixed_weights() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("name", "sizes"), HEADS.items(), ids=HEADS.keys())
def test_heads_are_found_and_cut(name: str, sizes: Mapping[str, int]) -> None:
    model = FAMILIES[name]().eval()
    assert PRUNERS["heads"].sizes(model, EXAMPLE) == sizes
    assert prune("heads", model) == []
    projection = next(model.attention[0].children())
    assert projection.in_features == 16
    assert projection.out_features in (8, 24)  # half of the queries, or of queries, keys and values
    assert model(EXAMPLE).shape == (1, 3)


@pytest.mark.parametrize(("name", "sizes"), FEED.items(), ids=FEED.keys())
def test_feed_forward_units_are_found_and_cut(name: str, sizes: Mapping[str, int]) -> None:
    model = FAMILIES[name]().eval()
    assert PRUNERS["ffn"].sizes(model, EXAMPLE) == sizes
    assert prune("ffn", model) == []
    assert set(PRUNERS["ffn"].sizes(model, EXAMPLE).values()) == {16}


@pytest.mark.parametrize("make", FAMILIES.values(), ids=FAMILIES.keys())
def test_the_residual_width_is_cut_with_all_that_is_added_to_it(make: Callable[[], nn.Module]) -> None:
    model = make().eval()
    assert prune("channel", model) == []
    assert model.head.in_features == 8
    for name in ("first", "places", "scale"):
        assert not hasattr(model, name) or getattr(model, name).shape[-1] == 8


@pytest.mark.parametrize("name", ["fused", "windows", "split", "grouped"])
def test_cutting_heads_that_give_nothing_changes_nothing(name: str) -> None:
    model = FAMILIES[name]().eval()
    per_head = 8 if name == "grouped" else 4
    with torch.no_grad():
        for attention in model.attention:
            for layer in attention.children():
                layer.weight.mul_(4)
            *_, output = attention.children()
            output = getattr(attention, "o", output)
            output.weight[:, :per_head] = 0
            for layer in {*attention.children()} - {output}:  # so that this head ranks lowest
                width = layer.weight.shape[0] // (3 if name != "grouped" else 1)
                size = per_head if layer.weight.shape[0] != 8 else 4
                for start in range(0, layer.weight.shape[0], width):
                    layer.weight[start : start + size] *= 1e-3
    expected = model(EXAMPLE)
    pruner = PRUNERS["heads"]
    sizes = pruner.sizes(model, EXAMPLE)
    pruner.prune(model, PruningRequest(EXAMPLE, 1 / next(iter(sizes.values())), sizes, L2()))
    assert next(model.attention[0].children()).out_features in (36, 8)
    assert is_same(model(EXAMPLE), expected)


@pytest.mark.parametrize("method", ["heads", "ffn", "channel"])
def test_a_cut_is_repeated_from_its_history(method: str) -> None:
    model, again = FAMILIES["split"]().eval(), FAMILIES["split"]().eval()
    pruner = PRUNERS[method]
    request = PruningRequest(EXAMPLE, 0.5, pruner.sizes(model, EXAMPLE), L2(), {"round_to": 1})
    pruner.replay(again, EXAMPLE, pruner.prune(model, request))
    again.load_state_dict(model.state_dict())
    assert is_same(again(EXAMPLE), model(EXAMPLE))


EXCLUDED = {
    "heads": ("attention.0", ["attention.1"]),
    "ffn": ("feed.0", ["feed.1.0"]),
    "channel": ("feed.*", []),
    "unstructured": ("attention", None),
    "n:m": ("feed.1", None),
}


@pytest.mark.parametrize(("method", "name", "left"), [(m, n, left) for m, (n, left) in EXCLUDED.items()], ids=EXCLUDED)
def test_what_is_excluded_stays_as_it_is(method: str, name: str, left: list[str] | None) -> None:
    model, exclude, pruner = FAMILIES["fused"]().eval(), Exclusion((name,)), PRUNERS[method]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    sizes = pruner.sizes(model, EXAMPLE, exclude)
    assert left is None or [*sizes] == left
    if not sizes:
        assert pruner.problem(model, EXAMPLE, exclude) == ALL_EXCLUDED
        return
    pruner.prune(model, PruningRequest(EXAMPLE, 0.5, sizes, L2(), {"round_to": 1}, exclude=exclude))
    after, covered = model.state_dict(), [key for key in before if exclude.covers(key)]
    assert covered
    assert all(torch.equal(after[key], before[key]) for key in covered)
    assert before.keys() != after.keys() or any(not torch.equal(after[key], before[key]) for key in before)
