import importlib
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.onnxfile.graph import Graph
from pipelines.quantizers import Fp16
from pipelines.quantizers import fp16 as module
from pipelines.runtimes import to_feed


@pytest.mark.parametrize("network", ["residual", "transformer"])
def test_weights_are_halves_and_inputs_and_outputs_are_as_before(
    prepared: Callable, tmp_path: Path, network: str
) -> None:
    given = prepared(network)
    Fp16().quantize(given.file, tmp_path / "model.onnx", given.calibration, {})
    before, after = onnx.load(given.file).graph, onnx.load(tmp_path / "model.onnx").graph
    weights = [i for i in after.initializer if len(i.dims) >= 2]
    assert weights
    assert {weight.data_type for weight in weights} == {TensorProto.FLOAT16}
    for name in ("input", "output"):
        types = [[value.type.tensor_type.elem_type for value in getattr(graph, name)] for graph in (before, after)]
        assert types[0] == types[1]


@pytest.mark.parametrize("network", ["residual", "transformer"])
def test_the_file_is_valid_and_has_as_many_parameters(prepared: Callable, tmp_path: Path, network: str) -> None:
    given, file = prepared(network), tmp_path / "model.onnx"
    Fp16().quantize(given.file, file, given.calibration, {})
    onnx.checker.check_model(file, full_check=True)
    feed = to_feed(given.task.example_input())
    assert Graph(file, feed).parameters() == Graph(given.file, feed).parameters() > 1000


def test_weights_too_large_for_it_are_a_problem() -> None:
    model = nn.Linear(2, 2)
    assert Fp16().problem(model) is None
    with torch.no_grad():
        model.weight[0, 0] = -1e5
    assert Fp16().problem(model) == "weight has values above 65504, the largest number in half precision"


def test_its_import_leaves_the_path_as_it_was() -> None:
    before = list(sys.path)
    importlib.reload(module)
    assert sys.path == before


@pytest.mark.parametrize(("network", "asked"), [("transformer", True), ("residual", False)])
def test_a_file_over_which_the_runtime_crashes_is_none(
    prepared: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str, asked: bool
) -> None:
    given = prepared(network)
    monkeypatch.setattr(module, "loading_crash", lambda file: "SIGSEGV")
    refusal = pytest.raises(TrialFailed) if asked else nullcontext()
    with refusal as failure:
        Fp16().quantize(given.file, tmp_path / "model.onnx", given.calibration, {})
    if asked:
        assert failure.value.reason == (
            "ONNX Runtime crashes (SIGSEGV) when it loads this network in half precision; use weight-fp16, which "
            "computes in single precision"
        )
