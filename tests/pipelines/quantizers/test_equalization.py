from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.noise import noise_share
from pipelines.quantizers import Calibration, StaticInt8
from pipelines.quantizers.equalization import NOTHING, equalization_problem, equalize
from pipelines.quantizers.mitigations import PROBLEMS, WAYS, mitigate
from pipelines.quantizers.parameters import MITIGATION
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed

PER_TENSOR = {"calibrator": "minmax", "granularity": "tensor", "operators": "all"}
IMAGES = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(1))
ROWS = torch.randn(32, 16, generator=torch.Generator().manual_seed(1))


def separable() -> nn.Sequential:
    """A convolution, one within channels, pooling, one over channels, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1, groups=16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 4),
    )


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16, bias=False), nn.LeakyReLU(), nn.Linear(16, 4))


class Tokens(nn.Module):
    """Linear layers on rows of tokens: a product and a sum each in a file."""

    def __init__(self) -> None:
        super().__init__()
        self.body = perceptron()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x.view(-1, 2, 16)).mean(1)


def unequal(network: nn.Module) -> nn.Module:
    """The same function with channels of very different sizes between its layers."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for first, second in pairwise(layers):
            factor = torch.exp(2 * torch.randn(len(first.weight), generator=generator))
            first.weight.mul_(factor.view(-1, *[1] * (first.weight.dim() - 1)))
            if first.bias is not None:
                first.bias.mul_(factor)
            within = isinstance(second, nn.Conv2d) and second.groups > 1
            second.weight.div_(factor.view([-1 if axis == (not within) else 1 for axis in range(second.weight.dim())]))
    return network.eval()


def outputs(file: Path, x: torch.Tensor) -> np.ndarray:
    return OnnxRuntime().load(Artifact(file, "onnx"), Target()).run(to_feed(x))


@pytest.mark.parametrize(
    ("make", "examples"),
    [(separable, IMAGES), (perceptron, ROWS), (Tokens, ROWS.repeat(1, 2))],
    ids=["convolutions", "linear layers", "tokens"],
)
def test_the_file_computes_the_same_and_one_scale_is_enough(
    export: Callable, tmp_path: Path, make: Callable[[], nn.Module], examples: torch.Tensor
) -> None:
    torch.manual_seed(0)
    file = export(unequal(make()), examples[:1])
    expected, noise = outputs(file, examples), []
    for mitigation in ("none", "equalize"):
        mitigate(file, {"mitigation": mitigation}, Calibration(lambda: []))
        np.testing.assert_allclose(outputs(file, examples), expected, rtol=1e-3, atol=1e-4 * abs(expected).max())
        StaticInt8().quantize(file, tmp_path / f"{mitigation}.onnx", Calibration(lambda: [examples]), PER_TENSOR)
        noise.append(noise_share(outputs(tmp_path / f"{mitigation}.onnx", examples), expected))
    assert noise[1] < 0.1 * noise[0]


class Beside(nn.Module):
    """Two layers, where something else reads what is between them, too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.last(torch.relu(x)) + x[:, :4]


@pytest.mark.parametrize(
    "network",
    [nn.Linear(16, 4), nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 4)), Beside()],
    ids=["one layer", "curved between", "read beside"],
)
def test_where_no_factor_can_pass_nothing_is_equalized(export: Callable, network: nn.Module) -> None:
    model = onnx.load(export(network.eval(), ROWS[:1]))
    with pytest.raises(TrialFailed) as failure:
        equalize(model)
    assert failure.value.reason == f"{NOTHING}; leave quantization.mitigation: equalize out"


def test_a_network_with_one_layer_has_nothing_to_equalize() -> None:
    assert equalization_problem(nn.Sequential(nn.Linear(4, 4), nn.ReLU())) == NOTHING
    assert equalization_problem(perceptron()) is None


def test_every_way_that_can_be_named_exists_and_says_what_it_cannot_do() -> None:
    assert ["none", *WAYS] == ["none", *PROBLEMS] == list(MITIGATION.domain.values)
