from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from pipelines.onnxfile.coverage import Coverage, int8_coverage
from pipelines.onnxfile.preparation import prepare
from pipelines.quantizers import Calibration, StaticInt8
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed


def test_a_rectifier_after_a_pooling_comes_before_it(export: Callable, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.Flatten())
    file = export(model, torch.zeros(1, 1, 8, 8))
    assert [node.op_type for node in onnx.load(file).graph.node] == ["Conv", "Relu", "MaxPool", "Conv", "Flatten"]
    images = torch.randn(8, 1, 8, 8)
    np.testing.assert_allclose(
        OnnxRuntime().load(Artifact(file, "onnx"), Target()).run(to_feed(images)),
        model(images).detach(),
        rtol=1e-4,
        atol=1e-5,
    )
    params = {"calibrator": "minmax", "granularity": "channel"}
    StaticInt8().quantize(file, tmp_path / "model.onnx", Calibration(lambda: [images]), params)
    assert int8_coverage(tmp_path / "model.onnx") == Coverage(int8=2, floating=0, unfused=0)


def test_a_pooling_that_others_see_unrectified_stays(export: Callable) -> None:
    class Both(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pooled = nn.functional.max_pool2d(x, 2)
            return torch.relu(pooled) - pooled

    file = export(Both(), torch.zeros(1, 1, 4, 4))
    assert [node.op_type for node in onnx.load(file).graph.node] == ["MaxPool", "Relu", "Sub"]


def test_every_operator_has_a_name_of_its_own(exported, tmp_path: Path) -> None:
    model = onnx.load(exported.file)
    for node in model.graph.node:
        node.name = ""
    onnx.save(model, tmp_path / "nameless.onnx")
    prepare(tmp_path / "nameless.onnx", tmp_path / "prepared.onnx")
    names = [node.name for node in onnx.load(tmp_path / "prepared.onnx").graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
