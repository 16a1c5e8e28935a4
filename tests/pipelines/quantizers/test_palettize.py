from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pipelines.onnxfile.optimized_graph import operators
from pipelines.quantizers import Palettize


@pytest.mark.parametrize("palettes", [1, 3])
@pytest.mark.parametrize("bits", [4, 5, 8])
def test_weights_have_few_values_and_the_file_runs_as_before(
    prepared: Callable, weights_in_use: Callable, tmp_path: Path, bits: int, palettes: int
) -> None:
    given, file = prepared("linear"), tmp_path / "model.onnx"
    Palettize().quantize(given.file, file, given.calibration, {"bits": bits, "palettes": palettes})
    weights = weights_in_use(file)
    assert len(weights) == 3
    for weight in weights.values():
        assert len(np.unique(weight)) <= palettes * 2**bits
        assert any(len(np.unique(weight[:1] if axis else weight[:, :1])) <= 2**bits for axis in (0, 1))
    assert operators(file) == operators(given.file)
    # Several palettes take at most half of what the codes take.
    assert file.stat().st_size < ((1.5 if palettes > 1 else 1) * bits / 32 + 0.03) * given.file.stat().st_size


@pytest.mark.parametrize(("palettes", "spoilt"), [(1, True), (4, False)])
@pytest.mark.parametrize("transposed", [False, True], ids=["convolution", "transposed convolution"])
def test_channels_with_small_weights_keep_them_in_a_palette_of_their_own(
    export: Callable, weights_in_use: Callable, tmp_path: Path, palettes: int, spoilt: bool, transposed: bool
) -> None:
    torch.manual_seed(0)
    layer = (nn.ConvTranspose2d if transposed else nn.Conv2d)(16, 8, 3)
    by_channel = layer.weight.transpose(0, 1) if transposed else layer.weight
    with torch.no_grad():
        by_channel[4:] *= 1e-3
    Palettize().quantize(
        export(layer, torch.zeros(1, 16, 8, 8)), tmp_path / "model.onnx", None, {"bits": 4, "palettes": palettes}
    )
    (found,) = weights_in_use(tmp_path / "model.onnx").values()
    error = np.square(found - layer.weight.detach().numpy()).sum((0 if transposed else 1, 2, 3))
    share = error / np.square(by_channel.detach().numpy()).sum((1, 2, 3))
    # Sixteen values leave 1/256 of the power of evenly spread numbers.
    assert share[:4].max() < 0.02
    assert (share[4:].max() > 0.5) == spoilt
    assert spoilt or share[4:].max() < 0.02


def sparse_network(zeros: float) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(200, 100), nn.ReLU(), nn.Linear(100, 2))
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight[torch.rand(layer.weight.shape) < zeros] = 0
    return model


@pytest.mark.parametrize("zeros", [0.05, 0.5, 0.95])
def test_pruned_weights_stay_pruned(export: Callable, weights_in_use: Callable, tmp_path: Path, zeros: float) -> None:
    model = sparse_network(zeros)
    Palettize().quantize(export(model, torch.zeros(1, 200)), tmp_path / "model.onnx", None, {"bits": 4})
    weights = weights_in_use(tmp_path / "model.onnx").values()
    (first,) = [weight for weight in weights if 200 in weight.shape]
    first = first if first.shape == (100, 200) else first.T
    pruned = model[0].weight.detach().numpy() == 0
    assert not first[pruned].any()
    assert first.any(axis=None)


def test_mostly_pruned_weights_are_stored_by_their_gaps(export: Callable, tmp_path: Path) -> None:
    sizes = {}
    for zeros in (0.0, 0.5, 0.95):
        file = tmp_path / f"{zeros}.onnx"
        Palettize().quantize(export(sparse_network(zeros), torch.zeros(1, 200)), file, None, {"bits": 4})
        sizes[zeros] = file.stat().st_size
        functions = {node.op_type for node in onnx.load(file).graph.node if node.domain == "paredown"}
        assert any(name.startswith("Sparse") for name in functions) == (zeros > 0)
    # Of 20,000 weights 1,000 are left: about 4 bits and a gap of about 5 for each, beside 10,000 bytes dense.
    assert sizes[0.95] < sizes[0.0] - 6500
    assert sizes[0.0] - 3000 < sizes[0.5] < sizes[0.0]


def test_weights_that_would_grow_stay_as_they_are(export: Callable, tmp_path: Path) -> None:
    file = export(nn.Linear(4, 3), torch.zeros(1, 4))
    Palettize().quantize(file, tmp_path / "model.onnx", None, {"bits": 8})
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert [node.op_type for node in graph.node] == ["Gemm"]
