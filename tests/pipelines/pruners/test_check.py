"""Cuts of channels that give nothing change nothing, or are not made: for layers and operators of many kinds."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from pipelines.errors import TrialFailed
from pipelines.importances import L2
from pipelines.pruners import ChannelPruner, PruningRequest
from pipelines.pruners.check import Check, is_same, sound, stays, told
from pipelines.pruners.slices import Slices

PRUNER = ChannelPruner()
IMAGE, TOKENS, VECTOR = torch.randn(1, 1, 8, 8), torch.randn(1, 5, 6), torch.randn(1, 16)


class Network(nn.Module):
    """Layers, and how they are called; `a` is the one whose channels die, `dead` the others that go with it.

    Channels can go in units of `each` neighbours, and the same of `times` equal parts.
    """

    def __init__(
        self,
        call: Callable[["Network", Tensor], Tensor],
        dead: tuple[str, ...] = (),
        example: Tensor = IMAGE,
        *,
        each: int = 1,
        times: int = 1,
        **parts: Any,
    ) -> None:
        super().__init__()
        self.call, self.dead, self.example = call, ("a", *dead), example
        self.each, self.times = each, times
        for name, part in parts.items():
            is_buffer = isinstance(part, Tensor) and not isinstance(part, nn.Parameter)
            self.register_buffer(name, part) if is_buffer else setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self, x)

    def die(self) -> "Network":
        """Half of the channels give exactly zero, and the others much."""
        with torch.no_grad():
            for name in self.dead:
                layer = self.get_submodule(name)
                parts = len(layer.weight) // self.each // self.times
                units = torch.randperm(parts, generator=torch.Generator().manual_seed(7))[: parts // 2]
                places = torch.arange(len(layer.weight)).view(self.times, parts, self.each)[:, units].flatten()
                for tensor in (layer.weight, layer.bias):
                    tensor.mul_(8)
                    tensor[places] = 0
        return self


def conv(given: int, made: int, size: int = 3, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(given, made, size, padding=size // 2, **options)


def up(given: int, made: int, **options: Any) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(given, made, 3, padding=1, **options)


def between(operator: Callable[[Network, Tensor], Tensor], width: int = 16, dead: tuple[str, ...] = (), **parts: Any):
    """A network with `operator` between 16 channels and a convolution that takes `width`."""
    return lambda: Network(
        lambda s, x: s.b(operator(s, torch.relu(s.a(x)))).mean((2, 3)), dead, a=conv(1, 16), b=conv(width, 4), **parts
    )


def normalized(norm: nn.Module, dead: tuple[str, ...] = ("norm",)) -> Callable[[], Network]:
    return lambda: Network(
        lambda s, x: s.b(torch.relu(s.norm(s.a(x)))).mean((2, 3)),
        dead,
        a=conv(1, 16),
        norm=copy.deepcopy(norm),
        b=conv(16, 4),
    )


def flat(shape: Callable[[Tensor], Tensor], width: int, **units: int) -> Callable[[], Network]:
    """A network that gives 16 channels in another `shape` to a linear layer of `width`."""
    return lambda: Network(lambda s, x: s.b(shape(torch.relu(s.a(x)))), a=conv(1, 16), b=nn.Linear(width, 4), **units)


CUT: dict[str, Callable[[], Network]] = {
    "nothing between": between(lambda s, h: h),
    "flatten": flat(lambda h: h.flatten(1), 1024),
    "view of the batch": flat(lambda h: h.view(int(h.shape[0]), -1), 1024),
    "pooling": flat(lambda h: functional.adaptive_avg_pool2d(h, 2).flatten(1), 64),
    "channels last": lambda: Network(
        lambda s, x: s.o(torch.relu(s.b(torch.relu(s.a(x)).permute(0, 2, 3, 1))).mean((1, 2))),
        a=conv(1, 16), b=nn.Linear(16, 16), o=nn.Linear(16, 4),
    ),
    "batch norm": normalized(nn.BatchNorm2d(16)),
    "instance norm": normalized(nn.InstanceNorm2d(16, affine=True)),
    "residual": between(lambda s, h: h + torch.relu(s.c(h)), dead=("c",), c=conv(16, 16)),
    "depthwise": between(lambda s, h: torch.relu(s.c(h)), dead=("c",), c=conv(16, 16, groups=16)),
    "transposed": between(lambda s, h: torch.relu(s.c(h)), width=24, c=up(16, 24)),
    "scale": between(lambda s, h: h * s.scale, scale=nn.Parameter(torch.randn(16, 1, 1))),
    "gate": between(lambda s, h: h * torch.sigmoid(s.c(h.mean((2, 3), keepdim=True))), c=conv(16, 16, 1)),
    "prelu": between(lambda s, h: s.c(h), c=nn.PReLU(16)),
    "dense": between(lambda s, h: torch.cat([h, torch.relu(s.c(h))], 1), width=24, c=conv(16, 8)),
    "weight of a call": lambda: Network(
        lambda s, x: functional.linear(torch.relu(s.a(x)).mean((2, 3)), s.w), a=conv(1, 16),
        w=nn.Parameter(torch.randn(4, 16)),
    ),
    "normalized by length": flat(lambda h: functional.normalize(h.mean((2, 3)), dim=1), 16),
    "several outputs": lambda: Network(
        lambda s, x: (lambda h: torch.cat([s.one(h.mean((2, 3))), s.two(s.b(h).mean((2, 3)))], 1))(torch.relu(s.a(x))),
        a=conv(1, 16), b=conv(16, 16), one=nn.Linear(16, 2), two=nn.Linear(16, 2),
    ),
    "one dimension": lambda: Network(
        lambda s, x: s.o(torch.relu(s.b(torch.relu(s.a(x)))).mean(2)), example=TOKENS,
        a=nn.Conv1d(5, 16, 3), b=nn.Conv1d(16, 16, 3), o=nn.Linear(16, 4),
    ),
    "recurrent": lambda: Network(
        lambda s, x: s.o(s.b(torch.relu(s.a(x)))[0][:, -1]), example=TOKENS,
        a=nn.Linear(6, 16), b=nn.LSTM(16, 16, batch_first=True), o=nn.Linear(16, 4),
    ),
    "one layer twice": lambda: Network(
        lambda s, x: s.o(torch.relu(s.b(torch.relu(s.b(torch.relu(s.a(x))))))), ("b",), VECTOR,
        a=nn.Linear(16, 16), b=nn.Linear(16, 16), o=nn.Linear(16, 4),
    ),
    "channel shuffle": between(lambda s, h: s.c(h), c=nn.ChannelShuffle(4), times=4),
    "flatten of channels last": flat(lambda h: h.permute(0, 2, 3, 1).flatten(1), 1024),
    "pyramid": flat(
        lambda h: torch.cat([functional.adaptive_avg_pool2d(h, k).flatten(1) for k in (1, 2)], 1), 80
    ),
    "padded": between(lambda s, h: functional.pad(h, (0, 0, 0, 0, 4, 4)), width=24),
    "joined with itself, then flattened": flat(lambda h: torch.cat([h, h * 2], 1).flatten(1), 2048),
    "pixel shuffle": between(lambda s, h: functional.pixel_shuffle(h, 2), width=4, each=4),
    "pixel unshuffle": between(lambda s, h: functional.pixel_unshuffle(h, 2), width=64),
    "gated halves": between(lambda s, h: functional.glu(h, 1), width=8, times=2),
    "halves in another order": between(lambda s, h: torch.cat(h.chunk(2, 1)[::-1], 1), times=2),
    "constant": between(lambda s, h: h * s.c, c=torch.rand(16, 1, 1)),
    "repeat": between(lambda s, h: h.repeat(1, 2, 1, 1), width=32),
    "groups": between(lambda s, h: torch.relu(s.c(h)), c=conv(16, 16, groups=4), times=4),
    "groups, transposed": between(lambda s, h: torch.relu(s.c(h)), c=up(16, 16, groups=4), times=4),
    "a multiple of each": between(lambda s, h: torch.relu(s.c(h)), width=32, c=conv(16, 32, groups=16, bias=False)),
    "a number kept beside": lambda: Network(
        lambda s, x: s.b(torch.relu(s.a(x)).view(-1, s.width)), example=VECTOR, a=nn.Linear(16, 32), width=32,
        b=nn.Linear(32, 4),
    ),
    "norm without weights": lambda: Network(
        lambda s, x: s.b(torch.relu(s.a(x)) + s.norm(torch.relu(s.a(x))) * 0), example=VECTOR, a=nn.Linear(16, 16),
        norm=nn.LayerNorm(16, elementwise_affine=False), b=nn.Linear(16, 4),
    ),
    "masked in place": between(lambda s, h: h.masked_fill(s.c[:, None, None], 0), c=torch.arange(16) % 3 == 0),
    "repeated one by one": between(lambda s, h: h.repeat_interleave(2, 1), width=32),
    "equation": between(
        lambda s, h: torch.einsum("bchw,dc->bdhw", h, s.w), width=8, w=nn.Parameter(torch.randn(8, 16)),
    ),
    "branches that are weighed": between(
        lambda s, h: (torch.stack([h, s.c(h)], 1) * s.d(h.mean((2, 3))).view(len(h), 2, -1, 1, 1).softmax(1)).sum(1),
        dead=("c",), c=conv(16, 16), d=nn.Linear(16, 32),
    ),
    "largest of halves": between(lambda s, h: h.view(len(h), 2, -1, 8, 8).amax(1), width=8, times=2),
    "largest of neighbours": between(lambda s, h: h.view(len(h), -1, 2, 8, 8).amax(2), width=8, each=2),
    "shifted in space": between(lambda s, h: torch.cat([h.roll(1, 2), h.roll(-1, 3)], 1), width=32),
    "space to depth": between(lambda s, h: torch.cat([h[..., ::2, ::2], h[..., 1::2, 1::2]], 1), width=32),
    "unfolded": between(lambda s, h: functional.unfold(h, 3, padding=1).unflatten(2, (8, 8)), width=144),
    "attention over places": between(
        lambda s, h: h + s.d((lambda q: q @ (q.transpose(1, 2) @ q).softmax(-1))(s.c(h).flatten(2)).view(-1, 8, 8, 8)),
        dead=("d",), c=conv(16, 8, 1), d=conv(8, 16, 1),
    ),
    "three dimensions": lambda: Network(
        lambda s, x: s.b(torch.relu(s.a(x[:, :, None]))).mean((2, 3, 4)), a=nn.Conv3d(1, 16, 1), b=nn.Conv3d(16, 4, 1),
    ),
    "double precision": lambda: Network(
        lambda s, x: s.b(torch.relu(s.a(x))), example=VECTOR.double(),
        a=nn.Linear(16, 16).double(), b=nn.Linear(16, 4).double(),
    ),
}  # fmt: skip
"""Networks whose channels can be cut."""

FAILS = "without some of its channels it fails"
MOVED = "the operator {} moves or mixes its channels"
OTHER = "without some of its channels the network computes something else than with them at zero"

LEFT: dict[str, tuple[Callable[[], Network], str]] = {
    "flip": (between(lambda s, h: h.flip(1)), MOVED.format("flip")),
    "roll": (between(lambda s, h: h.roll(3, 1)), MOVED.format("roll")),
    "unbind and stack": (between(lambda s, h: torch.stack(list(h.unbind(1))[::-1], 1)), MOVED.format("unbind")),
    "view": (
        between(lambda s, h: h.view(1, 4, 4, 8, 8).transpose(1, 2).reshape(1, 16, 8, 8)),
        f"{FAILS}: RuntimeError: shape '[1, 4, 4, 8, 8]' is invalid for input of size",
    ),
    "joined with its reverse": (
        between(lambda s, h: torch.cat([h, h.flip(1)], 1), width=32), MOVED.format("flip"),
    ),
    "slice": (between(lambda s, h: h[:, ::2], width=8), MOVED.format("slice")),
    "index": (between(lambda s, h: h[:, s.c], c=torch.arange(15, -1, -1)), MOVED.format("index")),
    "cumulative sum": (between(lambda s, h: h.cumsum(1)), MOVED.format("cumsum")),
    "softmax": (between(lambda s, h: h.softmax(1)), OTHER),
    "fixed width": (flat(lambda h: h.view(-1, 1024), 1024), f"{FAILS}: RuntimeError"),
    "weight normalization": (
        between(lambda s, h: torch.relu(s.c(h)), width=4, c=parametrizations.weight_norm(conv(16, 4))),
        "c: its weights are computed from others (a parametrization, such as weight or spectral normalization)",
    ),
    "a layer that gives nothing yet": (
        lambda: silent(between(lambda s, h: h.softmax(1))()), OTHER,
    ),
}  # fmt: skip
"""Networks whose channels cannot be cut, each with the beginning of the reason."""


def tie(model: Network) -> Network:
    model.b.weight = model.a.weight
    return model


def silent(model: Network) -> Network:
    nn.init.zeros_(model.b.weight)
    nn.init.zeros_(model.b.bias)
    return model


def request(model: Network, notes: list[str] | None = None) -> PruningRequest:
    sizes = PRUNER.sizes(model, model.example)
    note = notes.append if notes is not None else lambda text: None
    return PruningRequest(model.example, 0.5, sizes, L2(), {"round_to": 1}, note=note)


def like(example: Tensor) -> Tensor:
    return torch.randn(3, *example.shape[1:], dtype=example.dtype)


@pytest.fixture(autouse=True)
def fixed_weights() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("make", CUT.values(), ids=CUT.keys())
def test_cutting_what_is_dead_changes_nothing(make: Callable[[], Network]) -> None:
    model = make().eval().die()
    inputs = like(model.example)
    expected, before = model(inputs), len(model.a.weight)
    assert PRUNER.problem(model, model.example) is None
    PRUNER.prune(model, replace(request(model), ratio={"a": 0.5}))
    assert len(model.a.weight) == before // 2
    assert is_same(model(inputs), expected)


@pytest.mark.parametrize(("make", "reason"), LEFT.values(), ids=LEFT.keys())
def test_what_cannot_be_cut_is_left_alone_and_named(make: Callable[[], Network], reason: str) -> None:
    model = make().eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    problem = PRUNER.problem(model, model.example) or ""
    assert problem.startswith("no width can be cut: a")
    assert reason in problem
    with pytest.raises(TrialFailed, match=r"^nothing to prune at ratio 0\.5: a"):
        PRUNER.prune(model, request(model))
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


WITHIN: dict[str, Callable[[], Network]] = {
    "a product with itself": flat(lambda h: (h.flatten(2) @ h.flatten(2).transpose(1, 2)).flatten(1), 256),
    "a difference of neighbours": between(lambda s, h: h.diff(dim=1), width=15),
    "one weight for two layers": lambda: tie(Network(
        lambda s, x: s.o(torch.relu(s.b(torch.relu(s.a(x))))), example=VECTOR,
        a=nn.Linear(16, 16), b=nn.Linear(16, 16), o=nn.Linear(16, 4),
    )),
}  # fmt: skip
"""Networks of which nothing is a width of its own."""


@pytest.mark.parametrize("make", WITHIN.values(), ids=WITHIN.keys())
def test_what_is_no_width_of_its_own_is_not_offered(make: Callable[[], Network]) -> None:
    model = make().eval()
    assert (PRUNER.problem(model, model.example) or "").startswith("no layer has a width that is neither the input's")


@pytest.mark.parametrize(
    "make",
    [
        between(lambda s, h: h * torch.sigmoid(s.c(h.mean(1, keepdim=True))), c=conv(1, 1)),
        normalized(nn.LayerNorm([16, 8, 8])),
        between(lambda s, h: h * torch.rsqrt(h.square().mean(1, keepdim=True) + 1e-5)),
    ],
    ids=["mean of channels", "norm of an image", "root of the mean square"],
)
def test_statistics_over_the_channels_of_images_are_those_of_the_ones_that_stay(make: Callable[[], Network]) -> None:
    model = make().eval()
    assert PRUNER.problem(model, model.example) is None
    PRUNER.prune(model, request(model))
    assert len(model.a.weight) == 8


@pytest.mark.parametrize(
    "norm", [nn.GroupNorm(4, 16), nn.GroupNorm(1, 16), nn.LayerNorm(16)], ids=["groups", "one group", "layer"]
)
def test_statistics_over_channels_are_those_of_the_ones_that_stay(norm: nn.Module) -> None:
    model = Network(
        lambda s, x: s.b(torch.relu(s.norm(s.a(x).mean((2, 3))))), a=conv(1, 16), norm=norm, b=nn.Linear(16, 4)
    ).eval()  # fmt: skip
    assert PRUNER.problem(model, model.example) is None
    PRUNER.prune(model, request(model))
    assert model.norm.weight.shape == (8,)


def test_a_head_that_only_serves_training_is_cut_too() -> None:
    model = Network(
        lambda s, x: s.b(torch.relu(s.a(x))) + (s.extra(torch.relu(s.a(x))) if s.training else 0), example=VECTOR,
        a=nn.Linear(16, 32), b=nn.Linear(32, 4), extra=nn.Linear(32, 4),
    ).eval()  # fmt: skip
    PRUNER.prune(model, request(model))
    assert (len(model.a.weight), model.extra.in_features) == (16, 16)
    assert model.train()(model.example).shape == (1, 4)


def test_what_fails_in_training_stays() -> None:
    model = Network(
        lambda s, x: s.b(torch.relu(s.a(x))) + (torch.relu(s.a(x)) @ s.extra.new_ones(32, 4) if s.training else 0),
        example=VECTOR, a=nn.Linear(16, 32), b=nn.Linear(32, 4), extra=nn.Parameter(torch.zeros(1)),
    ).eval()  # fmt: skip
    reason = "no width can be cut: a: without some of its channels it fails in training: RuntimeError: mat1 and mat2"
    assert (PRUNER.problem(model, VECTOR) or "").startswith(reason)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_hidden_states_stay_and_what_goes_in_is_cut(kind: type[nn.RNNBase]) -> None:
    model = Network(
        lambda s, x: s.o(s.b(torch.relu(s.a(x)))[0][:, -1]), example=TOKENS,
        a=nn.Linear(6, 16), b=kind(16, 16, batch_first=True), o=nn.Linear(16, 4),
    ).eval()  # fmt: skip
    notes: list[str] = []
    PRUNER.prune(model, request(model, notes))
    assert (model.b.input_size, model.b.hidden_size) == (8, 16)
    assert notes
    assert all(note.endswith("whole: it is the hidden state of a recurrent layer") for note in notes)


def test_the_rest_is_cut_beside_what_is_left_alone() -> None:
    model = between(lambda s, h: torch.relu(s.d(s.c(h.flip(1)))), c=conv(16, 16), d=conv(16, 16))().eval()
    notes: list[str] = []
    PRUNER.prune(model, request(model, notes))
    assert [len(layer.weight) for layer in (model.a, model.c, model.d)] == [16, 8, 8]
    assert notes == ["a stays whole: the operator flip moves or mixes its channels"]


def test_shared_weights_stay_shared() -> None:
    model = tie(Network(
        lambda s, x: s.o(torch.relu(s.c(x))) + s.a(x) * 0 + s.b(x) * 0, example=VECTOR,
        a=nn.Linear(16, 4), b=nn.Linear(16, 4), c=nn.Linear(16, 32), o=nn.Linear(32, 4),
    ))  # fmt: skip
    PRUNER.prune(model, request(model))
    assert len(model.c.weight) == 16
    assert model.a.weight is model.b.weight


def test_a_network_that_is_random_cannot_be_checked() -> None:
    model = between(lambda s, h: functional.dropout(h, training=True))()
    reason = "the network gives other outputs when it is asked twice, so no cut can be checked"
    assert PRUNER.problem(model, model.example) == reason


def test_weights_that_are_not_numbers_hide_nothing() -> None:
    model = between(lambda s, h: h.flip(1))()
    nn.init.constant_(model.b.bias, torch.nan)
    slices = Slices({"a.weight": {0: (1, 2)}, "a.bias": {0: (1, 2)}, "b.weight": {1: (1, 2)}})
    assert Check(model, model.example).fault(slices) == OTHER


def test_parts_that_cannot_go_are_found_among_many() -> None:
    parts = {str(number): number for number in range(20)}
    fine, faults = sound(parts, lambda numbers: "is odd" if any(number in (3, 4, 17) for number in numbers) else None)
    assert faults == {"3": "is odd", "4": "is odd", "17": "is odd"}
    assert fine == {name: number for name, number in parts.items() if name not in faults}


def test_parts_that_cannot_go_together_are_parted() -> None:
    fine, faults = sound({"a": 1, "b": 2}, lambda numbers: "too much" if sum(numbers) > 2 else None)
    assert (fine, faults) == ({"a": 1}, {"b": "too much"})


def test_many_faults_are_told_in_a_line() -> None:
    assert told({"a": "x", "b": "y", "c": "z", "d": "w"}) == "a: x; b: y; c: z; and 1 more"
    assert told(dict.fromkeys("abcde", "x")) == "a, b, c and 2 more: x"
    assert stays({"a": "x", "b": "x", "c": "y"}) == ["a, b stay whole: x", "c stays whole: y"]
