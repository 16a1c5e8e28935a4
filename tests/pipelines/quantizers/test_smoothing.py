from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.noise import noise_share
from pipelines.quantizers import Calibration, StaticInt8
from pipelines.quantizers.mitigations import mitigate
from pipelines.quantizers.smoothing import NOTHING, smooth, smoothing_problem
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed

STATIC = {"calibrator": "minmax", "granularity": "channel", "operators": "matmul-conv"}


class Block(nn.Module):
    """A linear layer behind a normalization of which one channel is far larger, and a sum beside it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.first, self.last = nn.LayerNorm(16), nn.Linear(16, 16), nn.Linear(16, 4)
        with torch.no_grad():
            self.norm.weight[3] = 100

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(x)
        return self.last(torch.relu(self.first(x)) + x)


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randn(32, 5, 16, generator=torch.Generator().manual_seed(1))


def outputs(file: Path, x: torch.Tensor) -> np.ndarray:
    return OnnxRuntime().load(Artifact(file, "onnx"), Target()).run(to_feed(x))


def test_the_file_computes_the_same_and_rounding_hurts_less(
    export: Callable, tokens: torch.Tensor, tmp_path: Path
) -> None:
    file, calibration = export(Block().eval(), tokens[:1]), Calibration(lambda: [tokens])
    expected, noise = outputs(file, tokens), []
    for mitigation in ("none", "smooth"):
        mitigate(file, {"mitigation": mitigation}, calibration)
        np.testing.assert_allclose(outputs(file, tokens), expected, rtol=1e-3, atol=1e-3)
        StaticInt8().quantize(file, tmp_path / f"{mitigation}.onnx", Calibration(lambda: [tokens]), STATIC)
        noise.append(noise_share(outputs(tmp_path / f"{mitigation}.onnx", tokens), expected))
    assert noise[1] < noise[0]


def test_smoothing_twice_changes_nothing_more(export: Callable, tokens: torch.Tensor) -> None:
    model, calibration = onnx.load(export(Block().eval(), tokens[:1])), Calibration(lambda: [tokens])
    smooth(model, calibration)
    count = len(model.graph.node)
    smooth(model, calibration)
    assert len(model.graph.node) == count


def test_where_no_normalization_comes_before_a_linear_layer_it_is_refused(
    export: Callable, tokens: torch.Tensor
) -> None:
    model = nn.Linear(16, 4)
    assert smoothing_problem(model) == NOTHING
    assert smoothing_problem(Block()) is None
    with pytest.raises(TrialFailed) as failure:
        smooth(onnx.load(export(model, tokens[:1])), Calibration(lambda: [tokens]))
    assert failure.value.reason == f"{NOTHING}; leave quantization.mitigation: smooth out"
