import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch import nn

from pipelines.diagnosis import Examination, diagnose, examine, remark_kind
from pipelines.meters import Candidate, Measurement
from pipelines.quantizers import QUANTIZERS, Calibration
from pipelines.runtimes import RUNTIMES, Artifact, Target
from pipelines.store import Store


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return tmp_path_factory.mktemp("files")


def export(model: nn.Module, file: Path) -> Path:
    torch.onnx.export(
        model.eval(),
        (torch.zeros(1, 1, 8, 8),),
        str(file),
        dynamo=False,
        opset_version=18,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
    )
    return file


def network(width: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 2)),
    )


IMAGES = torch.linspace(0, 1, 4 * 64).view(4, 1, 8, 8)
CALIBRATION = Calibration(lambda: [IMAGES])
TASK = SimpleNamespace(batches=lambda split: [(IMAGES, None)])


def wide(folder: Path) -> Path:
    return export(network(32), folder / "wide.onnx")


def static(folder: Path, width: int = 32) -> tuple[Path, Path]:
    parent, own = export(network(width), folder / f"float{width}.onnx"), folder / f"static{width}.onnx"
    QUANTIZERS["static-int8"].quantize(parent, own, CALIBRATION, {"calibrator": "minmax", "granularity": "channel"})
    return own, parent


def narrow(folder: Path) -> tuple[Path, Path]:
    return static(folder, 8)


def dynamic(folder: Path) -> tuple[Path, Path]:
    QUANTIZERS["dynamic-int8"].quantize(wide(folder), folder / "dynamic.onnx", CALIBRATION, {})
    return folder / "dynamic.onnx", folder / "wide.onnx"


def half_quantized(folder: Path) -> tuple[Path, Path]:
    """The second convolution is left out, so that values go from integers to floating point and back."""

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._feeds = CALIBRATION.feeds()

        def get_next(self):
            return next(self._feeds, None)

    parent, own = wide(folder), folder / "half.onnx"
    second = [node.name for node in onnx.load(parent).graph.node if node.op_type == "Conv"][1]
    quantize_static(
        *(parent, own, Reader()),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=[second],
    )
    return own, parent


def int8_weights(folder: Path) -> tuple[Path, Path]:
    """The weights of all layers in 8 bits, nothing else."""
    parent, own = wide(folder), folder / "weights.onnx"
    model = onnx.load(parent)
    for node in [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]:
        weight = next(one for one in model.graph.initializer if one.name == node.input[1])
        array = numpy_helper.to_array(weight)
        scale = np.float32(np.abs(array).max() / 127)
        model.graph.initializer.remove(weight)
        stored = numpy_helper.from_array((array / scale).round().astype(np.int8), f"{weight.name}_int8")
        model.graph.initializer.extend([stored, numpy_helper.from_array(scale, f"{weight.name}_scale")])
        names = [stored.name, f"{weight.name}_scale"]
        model.graph.node.insert(0, helper.make_node("DequantizeLinear", names, [weight.name]))
    onnx.save(model, own)
    return own, parent


def fp16(folder: Path) -> tuple[Path, Path]:
    parent, own = wide(folder), folder / "half-precision.onnx"
    onnx.save(convert_float_to_float16(onnx.load(parent), keep_io_types=True), own)
    return own, parent


def odd(folder: Path) -> tuple[Path, Path]:
    return export(network(13), folder / "odd.onnx"), wide(folder)


def sparse(folder: Path) -> tuple[Path, Path]:
    parent, model = wide(folder), network(32)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data.view(-1)[: int(0.6 * parameter.numel())] = 0
    return export(model, folder / "sparse.onnx"), parent


def smaller(folder: Path) -> tuple[Path, Path]:
    return export(network(24), folder / "smaller.onnx"), wide(folder)


def candidate(files: tuple[Path, Path], runtime: str = "onnxruntime") -> Candidate:
    own, parent = (Artifact(file, "onnx") for file in files)
    return Candidate(own, parent, parent, TASK, Target(runtime), Store(own.path.parent))  # type: ignore[arg-type]


def slower(ratio: float = 1.31, **metrics: float) -> Measurement:
    return Measurement({"latency_ms": 1.31, "latency_vs_parent": ratio, **metrics})


def reasons(found: Candidate, measurement: Measurement) -> list[str]:
    """What a diagnosis names, and what one names that was prepared before the file was measured: the same."""
    prepared = Examination.from_json(json.loads(json.dumps(asdict(examine(found, "quantize")))))
    notes = diagnose(found, measurement, "quantize")
    assert prepared.notes(measurement) == notes
    why = notes["speedup.why"]
    return [] if why in ("nothing in the file explains it", "npz files are not examined") else why.split("; ")


SOME_FLOAT = "1 of 3 convolutions and matrix products stayed in floating point"


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (dynamic, ["convolutions quantized while they run (ConvInteger), which is slower than floating point: 2"]),
        (
            half_quantized,
            [
                SOME_FLOAT,
                "DequantizeLinear operators not fused into integer kernels: 1",
            ],
        ),
        (int8_weights, ["weights are stored as int8 and computed with in float32: that saves size, not time"]),
        (fp16, ["weights are stored as float16 and computed with in float32: that saves size, not time"]),
        (odd, ["layers whose widths are not multiples of 8: 2 (13)"]),
        (sparse, ["60% of the weights are zero, which no kernel of onnxruntime skips"]),
        (narrow, ["no inner layer is wider than 8: too small for integer kernels to pay"]),
        (static, []),
        (smaller, []),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_file_gives_the_reasons_that_hold_for_it_and_no_other(
    folder: Path, make: Callable[[Path], tuple[Path, Path]], found: list[str]
) -> None:
    assert reasons(candidate(make(folder)), slower()) == found


def test_a_short_call_is_a_reason(folder: Path) -> None:
    measured = Measurement({"latency_ms": 0.015, "latency_vs_parent": 1.5})
    assert reasons(candidate(smaller(folder)), measured) == [
        "without the step a call takes 0.010 ms, most of it the operators' fixed cost"
    ]


def test_what_the_parent_has_too_is_no_reason(folder: Path) -> None:
    again = export(network(13), folder / "odd again.onnx")
    assert reasons(candidate((odd(folder)[0], again)), slower()) == []
    assert reasons(candidate((sparse(folder)[0], export_copy(folder))), slower()) == []


def export_copy(folder: Path) -> Path:
    copy = folder / "sparse too.onnx"
    copy.write_bytes((folder / "sparse.onnx").read_bytes())
    return copy


def test_another_runtime_executes_other_operators(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNTIMES, "elsewhere", SimpleNamespace(name="elsewhere"))
    assert reasons(candidate(dynamic(folder), "elsewhere"), slower()) == []
    assert reasons(candidate(sparse(folder), "elsewhere"), slower()) == [
        "60% of the weights are zero, which no kernel of elsewhere skips"
    ]


@pytest.mark.parametrize(
    ("ratio", "interval", "verdict"),
    [
        (1.31, None, "slower than without quantize: 1.31×"),
        (1.02, None, "no faster than without quantize: 1.02×"),
        (0.98, None, "no faster than without quantize: 0.98×"),
        (0.96, None, None),
        (1.31, (1.25, 1.36), "slower than without quantize: 1.31×"),
        (1.31, (0.9, 1.6), "no faster than without quantize: 1.31×"),
        (0.90, (0.7, 1.1), "no faster than without quantize: 0.90×"),
        (0.90, (0.85, 0.95), None),
        (0.99, (0.98, 0.995), "no faster than without quantize: 0.99×"),
        (None, None, None),
    ],
)
def test_speed_is_judged_beyond_a_tie(folder: Path, ratio, interval, verdict) -> None:
    metrics = {"latency_ms": 1.0} | ({"latency_vs_parent": ratio} if ratio else {})
    measured = Measurement(metrics, {"latency_vs_parent": interval} if interval else {})
    notes = diagnose(candidate(static(folder)), measured, "quantize")
    assert notes.get("speedup") == verdict
    assert notes.get("speedup.why") == ("nothing in the file explains it" if verdict else None)
    assert "size" not in notes


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (static, None),
        (lambda folder: static(folder)[::-1], "bigger than without quantize: "),
        (sparse, "no smaller than without quantize: 1.00×"),
    ],
    ids=["smaller", "bigger", "equal"],
)
def test_size_is_judged_without_a_latency(folder: Path, make, told: str | None) -> None:
    notes = diagnose(candidate(make(folder)), Measurement({}), "quantize")
    assert notes.keys() == ({"size"} if told else set())
    assert notes.get("size", "").startswith(told or "")


def test_the_teacher_has_nothing_to_improve_on(folder: Path) -> None:
    file = wide(folder)
    assert examine(candidate((file, file)), "").notes(slower(1.0)) == {}
    assert diagnose(candidate((file, file)), slower(1.0), "") == {}


def test_a_file_that_cannot_be_examined_costs_no_trial(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    notes = diagnose(candidate((broken, wide(folder))), slower(), "quantize")
    assert notes["speedup"] == "slower than without quantize: 1.31×"
    assert notes["speedup.why"].startswith("the file cannot be examined: ")


def test_files_of_other_formats_are_not_examined(folder: Path) -> None:
    found = candidate(sparse(folder))
    assert reasons(found, slower())
    other = replace(found, artifact=replace(found.artifact, format="npz"))
    assert reasons(other, slower()) == []
    notes = diagnose(other, slower(), "prune")
    assert notes["speedup"] == "slower than without prune: 1.31×"
    assert notes["speedup.why"] == "npz files are not examined"


def spoilt(folder: Path) -> tuple[Path, Path]:
    """Weights in 8 bits, and those of the last layer negated."""
    own, parent = int8_weights(folder)
    model = onnx.load(own)
    scale = [i for i in model.graph.initializer if i.name.endswith("_scale")][-1]
    scale.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(scale), scale.name))
    onnx.save(model, folder / "spoilt.onnx")
    return folder / "spoilt.onnx", parent


def test_a_step_that_spoils_the_outputs_is_told(folder: Path) -> None:
    note = diagnose(candidate(spoilt(folder)), slower(0.5), "quantize")["outputs"]
    assert re.fullmatch(
        r"spoilt by quantize: noise of \d+% of their power on 4 examples, the largest one is another for \d+% of them",
        note,
    )
    assert remark_kind({"outputs": note}) == "outputs spoilt by quantize"


@pytest.mark.parametrize("make", [static, int8_weights, fp16, sparse, odd], ids=lambda make: make.__name__)
def test_outputs_that_are_nearly_the_same_or_of_other_networks_are_not_spoilt(folder: Path, make: Callable) -> None:
    assert "outputs" not in diagnose(candidate(make(folder)), slower(0.5), "quantize")


@pytest.mark.parametrize(
    ("notes", "kind"),
    [
        ({"clock": "cpu"}, ""),
        ({"size": "no smaller than without prune: 1.00×", "clock": "cpu"}, "no smaller than without prune"),
        ({"speedup": "slower than without quantize: 1.31×"}, "slower than without quantize"),
        ({"speedup.why": f"{SOME_FLOAT}"}, "some convolutions and matrix products stayed in floating point"),
        ({"speedup.why": "DequantizeLinear operators not fused: 12"}, "DequantizeLinear operators not fused"),
        ({"speedup.why": "widths are not multiples of 8: 2 (3, 13)"}, "widths are not multiples of 8"),
        ({"speedup.why": "60% of the weights are zero"}, "many of the weights are zero"),
        (
            {"speedup.why": "without the step a call takes 0.010 ms, most of it the operators' fixed cost"},
            "without the step a call takes less than 0.02 ms, most of it the operators' fixed cost",
        ),
        (
            {"speedup.why": "no inner layer is wider than 8: too small for integer kernels to pay"},
            "no inner layer is wider than 8: too small for integer kernels to pay",
        ),
        ({"size": "d: 1.00×", "speedup": "a: 1.31×", "speedup.why": "b: 2; c; b: 3"}, "a; b; c; d"),
    ],
)
def test_a_kind_of_remark_is_one_line_without_the_numbers_of_the_file(notes: dict[str, str], kind: str) -> None:
    assert remark_kind(notes) == kind


def test_equal_reasons_of_different_files_are_of_one_kind(folder: Path) -> None:
    kinds = {
        remark_kind(diagnose(candidate((odd(folder)[0], wide(folder))), slower(ratio), "prune")) for ratio in (1.2, 1.7)
    }
    assert kinds == {"slower than without prune; layers whose widths are not multiples of 8"}


def test_a_remark_says_on_which_target_it_holds() -> None:
    notes = {
        "speedup@edge": "no faster than without quantize: 1.00×",
        "size": "no smaller than without quantize: 1.00×",
    }
    assert remark_kind(notes) == "no faster than without quantize on edge; no smaller than without quantize"
