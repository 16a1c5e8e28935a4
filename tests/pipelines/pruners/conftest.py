"""Small networks of every kind that a pruner may meet, each with an example of its input."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from pipelines.importances import IMPORTANCES
from pipelines.pruners import PRUNERS, Pruner, PruningRequest

IMAGE, TOKENS = torch.zeros(1, 1, 8, 8), torch.zeros(1, 5, 6)


class Residual(nn.Module):
    """Blocks of two convolutions each, added to what they are given."""

    def __init__(self, width: int = 32, blocks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.head = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.bn_one = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.two, self.bn_two = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.bn_two(self.two(torch.relu(self.bn_one(self.one(x))))))


def depthwise(width: int = 32) -> nn.Module:
    def block(given: int) -> nn.Module:
        each = nn.Conv2d(given, given, 3, padding=1, groups=given)
        return nn.Sequential(each, nn.Conv2d(given, width, 1), nn.BatchNorm2d(width), nn.ReLU())

    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), block(width), block(width), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, 2),
    )  # fmt: skip


class Encoder(nn.Module):
    """torch's own transformer layers between an embedding with learned positions and a head."""

    def __init__(self, *, layers: int = 3, batch_first: bool = True) -> None:
        super().__init__()
        self.embed, self.positions = nn.Linear(6, 16), nn.Parameter(torch.randn(1, 5, 16))
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head, self.batch_first = nn.Linear(16, 2), batch_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x) + self.positions
        return self.head(self.encoder(x).mean(1) if self.batch_first else self.encoder(x.transpose(0, 1)).mean(0))


class Attention(nn.Module):
    """As most repositories write it."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = num_heads, dim // num_heads
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        layers = (self.q_proj, self.k_proj, self.v_proj)
        q, k, v = (f(x).view(batch, length, self.num_heads, self.head_dim).transpose(1, 2) for f in layers)
        weights = (q @ k.transpose(-2, -1) / self.head_dim**0.5).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(batch, length, -1))


class TransformerBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_one, self.attention, self.norm_two = nn.LayerNorm(16), Attention(16, 4), nn.LayerNorm(16)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm_one(x))
        return x + self.mlp(self.norm_two(x))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.blocks = nn.Linear(6, 16), nn.ModuleList(TransformerBlock() for _ in range(3))
        self.head = nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


def cnn() -> nn.Module:
    layers: list[nn.Module] = []
    for given in (1, 16, 16):
        layers += [nn.Conv2d(given, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 2))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], torch.Tensor]] = {
    "cnn": (cnn, IMAGE),
    "residual": (Residual, IMAGE),
    "depthwise": (depthwise, IMAGE),
    "encoder": (Encoder, TOKENS),
    "transformer": (Transformer, TOKENS),
}


@pytest.fixture(params=PRUNERS.values(), ids=PRUNERS.keys())
def pruner(request: pytest.FixtureRequest) -> Pruner:
    return request.param


@pytest.fixture(scope="session")
def networks() -> dict[str, tuple[Callable[[], nn.Module], torch.Tensor]]:
    return NETWORKS


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def network(request: pytest.FixtureRequest) -> tuple[Callable[[], nn.Module], torch.Tensor]:
    """How to make a network in evaluation mode, with batch normalization that has seen something, and an example."""
    make, example = request.param

    def trained() -> nn.Module:
        model = make().train()
        for _ in range(2):
            model(torch.randn(8, *example.shape[1:]))
        return model.eval()

    return trained, example


@pytest.fixture
def make_cut() -> Callable[..., PruningRequest]:
    """A cut of half of what `pruner` finds in `model`, with gradients of a loss and noise as inputs."""

    def make(pruner: Pruner, model: nn.Module, example: torch.Tensor, **changes: object) -> PruningRequest:
        def noise() -> torch.Tensor:
            return torch.randn(8, *example.shape[1:], generator=torch.Generator().manual_seed(1))

        def gradients(network: nn.Module) -> None:
            network(noise()).square().sum().backward()

        given = {
            "example": example,
            "ratio": 0.5,
            "sizes": pruner.sizes(model, example),
            "importance": IMPORTANCES["l2"],
            "params": {"ratio": 0.5, "round_to": 8},
            "gradients": gradients,
            "inputs": lambda: [noise()],
        }
        return PruningRequest(**{**given, **changes})  # type: ignore[arg-type]

    return make
