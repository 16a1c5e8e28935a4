from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from pipelines.onnxfile.coverage import Coverage, int8_coverage
from pipelines.onnxfile.optimized_graph import operators
from pipelines.quantizers import Calibration, StaticInt8
from pipelines.quantizers.parameters import CALIBRATOR, OPERATORS
from pipelines.quantizers.ranges import METHODS
from pipelines.runtimes import Artifact, Feed, OnnxRuntime, Target, to_feed

IMAGES = torch.linspace(0, 1, 20 * 64).view(20, 1, 8, 8)
CALIBRATION = Calibration(lambda: IMAGES.split(8))


DEFAULTS = {"calibrator": "minmax", "granularity": "channel", "operators": "auto"}


def quantize(source: Path, target: Path, calibration: Calibration = CALIBRATION, **params: str) -> Path:
    StaticInt8().quantize(source, target, calibration, {**DEFAULTS, **params})
    return target


def test_every_calibrator_that_can_be_named_exists() -> None:
    assert tuple(METHODS) == CALIBRATOR.domain.values


@pytest.mark.parametrize("calibrator", METHODS)
def test_every_calibrator_takes_a_last_batch_that_is_smaller_and_prints_nothing(
    exported, tmp_path: Path, calibrator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = quantize(exported.file, tmp_path / "model.onnx", calibrator=calibrator)
    assert capsys.readouterr().out == ""
    assert OnnxRuntime().load(Artifact(file, "onnx"), Target()).run(to_feed(IMAGES)).shape == (20, 2)


def test_activations_are_unsigned_and_weights_signed(exported, tmp_path: Path) -> None:
    graph = onnx.load(quantize(exported.file, tmp_path / "model.onnx")).graph
    zeros = {initializer.name: initializer.data_type for initializer in graph.initializer}
    operators = Counter(node.op_type for node in graph.node)
    assert {zeros[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"} == {onnx.TensorProto.UINT8}
    assert operators["Conv"] == 2
    weights = [i for i in graph.initializer if i.name.endswith("weight_quantized") or len(i.dims) == 4]
    assert {weight.data_type for weight in weights} == {onnx.TensorProto.INT8}


def test_products_of_weights_and_activations_do_not_overflow_16_bits(exported, tmp_path: Path) -> None:
    graph = onnx.load(quantize(exported.file, tmp_path / "model.onnx")).graph
    kernels = [numpy_helper.to_array(i) for i in graph.initializer if len(i.dims) == 4]
    assert max(2 * 255 * abs(kernel.astype(int)).max() for kernel in kernels) < 2**15


@pytest.mark.parametrize(("granularity", "scales"), [("channel", 32), ("tensor", 1)], ids=["channel", "tensor"])
def test_granularity_is_the_number_of_scales(exported, tmp_path: Path, granularity: str, scales: int) -> None:
    graph = onnx.load(quantize(exported.file, tmp_path / "model.onnx", granularity=granularity)).graph
    sizes = {i.name: max(1, *i.dims) if i.dims else 1 for i in graph.initializer}
    kernels = {i.name for i in graph.initializer if len(i.dims) == 4}
    found = [sizes[n.input[1]] for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in kernels]
    assert found == [scales, scales]


def test_the_range_of_the_input_is_that_of_the_examples_used(exported, tmp_path: Path) -> None:
    def input_scale(calibration: Calibration) -> float:
        graph = onnx.load(quantize(exported.file, tmp_path / "model.onnx", calibration)).graph
        scales = {i.name: i for i in graph.initializer}
        (first,) = [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "input"]
        return float(numpy_helper.to_array(scales[first.input[1]]))

    assert input_scale(CALIBRATION) == pytest.approx(1 / 255)
    assert input_scale(Calibration(CALIBRATION.batches, size=10)) == pytest.approx(float(IMAGES[9].max()) / 255)


def test_every_layer_is_executed_in_int8(prepared: Callable, tmp_path: Path) -> None:
    given = prepared("residual")
    quantize(given.file, tmp_path / "model.onnx", given.calibration)
    # The way back is for the mean over the image, which is computed in floating point.
    assert int8_coverage(tmp_path / "model.onnx") == Coverage(int8=3, floating=0, unfused=1)


def test_kept_layers_stay_in_floating_point(prepared: Callable, tmp_path: Path) -> None:
    given, file = prepared("residual"), tmp_path / "model.onnx"
    StaticInt8().quantize(given.file, file, given.calibration, DEFAULTS, keep=["/stem/stem.0/Conv"])
    assert (int8_coverage(file).int8, int8_coverage(file).floating) == (2, 1)


def test_convolutions_whose_biases_are_all_zero_and_shared_are_fused(export: Callable, tmp_path: Path) -> None:
    """With another exporter such a bias kept convolutions in floating point."""
    layers: list[nn.Module] = []
    for _ in range(3):
        layers += [nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()]
        nn.init.zeros_(layers[-2].bias)
    file = export(nn.Sequential(*layers), torch.rand(1, 4, 8, 8))
    biases = {node.input[2] for node in onnx.load(file).graph.node if node.op_type == "Conv"}
    assert len(biases) == 1
    quantize(file, tmp_path / "model.onnx", Calibration(lambda: [torch.rand(4, 4, 8, 8)]))
    assert int8_coverage(tmp_path / "model.onnx").int8 == 3


def test_outputs_of_matrix_products_are_not_rounded(prepared: Callable, tmp_path: Path) -> None:
    given = prepared("linear")
    file = quantize(given.file, tmp_path / "model.onnx", given.calibration)
    examples = torch.randn(400, 64)
    outputs = torch.from_numpy(OnnxRuntime().load(Artifact(file, "onnx"), Target()).run(to_feed(examples)))
    assert len(outputs[:, 0].unique()) > 350  # 8 bits have 256 values
    assert [node.op_type for node in onnx.load(file).graph.node if "output" in node.output] == ["Gemm"]


def test_all_that_has_weights_becomes_integers_in_a_transformer(prepared, tmp_path: Path) -> None:
    given, file = prepared("transformer"), tmp_path / "model.onnx"
    StaticInt8().quantize(given.file, file, given.calibration, DEFAULTS)
    coverage = int8_coverage(file)
    assert (coverage.int8, coverage.floating) == (5, 2)  # the two products within attention have no weights


def worst(source: Path, file: Path, feeds: Iterable[Feed]) -> float:
    """The largest error of `file` beside `source`, as a share of its largest output."""
    runs = [OnnxRuntime().load(Artifact(each, "onnx"), Target()) for each in (source, file)]
    expected, found = (np.concatenate([run.run(feed) for feed in feeds]) for run in runs)
    return float(abs(found - expected).max() / abs(expected).max())


def error(file: Path, given, **params: str) -> float:
    quantize(given.file, file, given.calibration, **params)
    return worst(given.file, file, list(given.calibration.feeds()))


@pytest.mark.parametrize("calibrator", METHODS)
@pytest.mark.parametrize("operators", OPERATORS.domain.values)
def test_a_mask_swallows_nothing(prepared: Callable, tmp_path: Path, calibrator: str, operators: str) -> None:
    given, file = prepared("masked"), tmp_path / "model.onnx"
    assert error(file, given, calibrator=calibrator, operators=operators) < 0.15
    numbers = [numpy_helper.to_array(i) for i in onnx.load(file).graph.initializer if i.name.endswith("_scale")]
    assert all(np.isfinite(scale).all() and scale.max() < 1 for scale in numbers)
    # What has weights becomes integers, and the two products within attention only if everything does.
    assert int8_coverage(file).floating == (0 if operators == "all" else 2)


@pytest.mark.parametrize(
    ("network", "operators", "others"),
    [
        ("transformer", "auto", False),
        ("transformer", "all", True),
        ("transformer", "matmul-conv", False),
        ("residual", "auto", True),
        ("residual", "matmul-conv", False),
    ],
)
def test_operators_that_become_integers_are_a_choice(
    prepared: Callable, tmp_path: Path, network: str, operators: str, others: bool
) -> None:
    given, file = prepared(network), tmp_path / "model.onnx"
    quantize(given.file, file, given.calibration, operators=operators)
    graph = onnx.load(file).graph
    rounded = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    # A sum has no weights: both of its inputs are rounded if it is an integer one.
    sums = [node for node in graph.node if node.op_type == "Add"]
    assert any(rounded.issuperset(node.input) for node in sums) == others


class _Between(nn.Module):
    """A convolution, an operator that ONNX Runtime has no right integer kernel for, and another one."""

    def __init__(self, between: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), between, nn.Conv2d(16, 4, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


@pytest.mark.parametrize(
    ("between", "operator"),
    [
        (nn.AvgPool2d(3, 2, padding=1, ceil_mode=True), "AveragePool"),
        (nn.Upsample(size=(5, 7), mode="bicubic", align_corners=True), "Resize"),
        (nn.ConvTranspose2d(16, 16, 2, 2, groups=4), "ConvTranspose"),
    ],
    ids=["ceil mode", "cubic", "grouped and transposed"],
)
def test_what_has_no_right_kernel_stays_in_floating_point(
    export: Callable, tmp_path: Path, between: nn.Module, operator: str
) -> None:
    torch.manual_seed(0)
    images = torch.randn(32, 1, 8, 8)
    source, file = export(_Between(between).eval(), images[:1]), tmp_path / "model.onnx"
    quantize(source, file, Calibration(lambda: [images]))
    assert worst(source, file, [to_feed(images)]) < 0.05
    assert operator in operators(file)


class _Constant(nn.Module):
    """Gives the same number wherever it is asked."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (1 + 1e-6 * x.mean(1, keepdim=True).sigmoid())


def _of_a_hundred() -> nn.Sequential:
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 100), nn.Softmax(1))


@pytest.mark.parametrize(
    ("make", "scale", "params"),
    [
        (lambda: nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4), nn.ReLU()), 1, {}),
        (lambda: nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4), nn.Sigmoid()), 1, {}),
        (_of_a_hundred, 1, {}),
        (lambda: nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)), 1e5, {}),
        (lambda: nn.Sequential(nn.Linear(16, 32), _Constant(), nn.Linear(32, 4)), 1, {"calibrator": "percentile"}),
    ],
    ids=["rectified outputs", "gates as outputs", "many classes", "large numbers", "a constant"],
)
def test_little_is_lost_at_the_ends_of_a_network(
    export: Callable, tmp_path: Path, make: Callable[[], nn.Module], scale: float, params: dict[str, str]
) -> None:
    torch.manual_seed(0)
    examples = scale * torch.randn(64, 16)
    source, file = export(make().eval(), examples[:1]), tmp_path / "model.onnx"
    quantize(source, file, Calibration(lambda: [examples]), **params)
    assert worst(source, file, [to_feed(examples)]) < 0.05
    assert (int8_coverage(file).int8, int8_coverage(file).floating) == (2, 0)


def test_biases_of_dead_channels_are_exact(export: Callable, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(1, 16, 1), nn.ReLU(), nn.Conv2d(16, 8, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        network[2].weight[:6] = 0
        network[2].bias[:] = 1e-3 * torch.arange(8)
    images = 100 * torch.rand(32, 1, 4, 4)
    source, file = export(network.eval(), images[:1]), tmp_path / "model.onnx"
    quantize(source, file, Calibration(lambda: [images]))
    graph = onnx.load(file).graph
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    (back,) = [n for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] == "2.bias_quantized"]
    biases = stored[back.input[0]] * stored[back.input[1]].astype(np.float64)
    assert abs(biases - 1e-3 * np.arange(8))[:6].max() < 1e-8  # in steps of the input all of them would be 0
