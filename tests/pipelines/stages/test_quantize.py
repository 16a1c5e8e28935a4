import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from pipelines import Exclude
from pipelines.declaration import Declaration
from pipelines.formats.onnx_format import MODEL
from pipelines.onnxfile.coverage import int8_coverage
from pipelines.onnxfile.layers import layers, numbers
from pipelines.pipeline import nodes
from pipelines.quantizers import QUANTIZERS
from pipelines.stages import QUANTIZE, STEPS, QuantizationSensitivity, Quantize
from pipelines.stages import quantize as module
from pipelines.stages.quantization_sensitivity import SENSITIVITY
from pipelines.training.context import Context
from spaces import Recipe

STATIC = {
    "scheme": "static-int8",
    "calibrator": "minmax",
    "granularity": "channel",
    "calibration_size": "all",
    "keep_float": 0,
}


@pytest.mark.parametrize(
    ("params", "label"),
    [
        ({"scheme": "fp16"}, "fp16"),
        ({"scheme": "dynamic-int8", "keep_float": 0}, "dynamic-int8"),
        (STATIC, "static-int8"),
        (
            {**STATIC, "calibrator": "entropy", "granularity": "tensor", "calibration_size": 64, "keep_float": 0.25},
            "static-int8·entropy·tensor·n64·keep0.25",
        ),
        ({"scheme": "palettize", "bits": 5, "palettes": 4, "keep_float": 0.5}, "palettize5·p4·keep0.5"),
        ({"scheme": "weight-int8", "keep_float": 0, "agreement": 0.99}, "weight-int8·agree0.99"),
    ],
    ids=["plain", "dynamic", "static", "refined", "palettes", "agreement"],
)
def test_its_label_names_the_scheme_and_what_differs_from_its_defaults(params: dict, label: str) -> None:
    assert QUANTIZE.label(params) == label


@pytest.mark.parametrize(
    ("scheme", "refinements"),
    [
        ("none", set()),
        ("fp16", set()),
        ("dynamic-int8", {"mitigation", "keep_float", "agreement"}),
        (
            "static-int8",
            {"calibrator", "granularity", "operators", "calibration_size", "mitigation", "keep_float", "agreement"},
        ),
        ("qat-int8", {"granularity", "operators", "calibration_size", "keep_float", "agreement", "alpha"}),
        ("weight-int8", {"keep_float", "agreement"}),
        ("weight-int4", {"keep_float", "agreement"}),
        ("palettize", {"bits", "palettes", "keep_float", "agreement"}),
    ],
)
def test_parameters_apply_to_the_schemes_that_read_them(scheme: str, refinements: set[str]) -> None:
    defaults = QUANTIZE.walk(lambda p: scheme if p is QUANTIZE.switch else p.default)
    assert set(defaults) == {"quantization.scheme", *(f"quantization.{key}" for key in refinements)}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (0, "0 is out of range; legal: a whole number >= 1 and <= 1000000, or all"),
        ("many", "'many' is not a whole number; legal: a whole number >= 1 and <= 1000000, or all"),
        (64, None),
        ("all", None),
    ],
)
def test_the_size_of_the_calibration_set_is_a_number_or_all(value: object, problem: str | None) -> None:
    (size,) = [parameter for parameter in QUANTIZE.parameters if parameter.key == "calibration_size"]
    assert size.domain.problem(value) == problem


def stages(context: Context, **params: object) -> dict[str, str]:
    recipe = Recipe.from_list([{"quantize": params}], STEPS)
    return {stage.name: key for stage, _, key in nodes(recipe, context)}


def test_a_scheme_that_trains_does_so_before_the_export(context: Context) -> None:
    assert list(stages(context, scheme="qat-int8")) == ["teacher", "qat", "export", "quantize", "pack"]
    assert list(stages(context, scheme="static-int8")) == ["teacher", "export", "quantize", "pack"]


def test_every_share_of_layers_to_keep_comes_from_one_training(context: Context) -> None:
    none, some, more = (stages(context, scheme="qat-int8", keep_float=share) for share in (0, 0.2, 0.4))
    assert list(some) == ["teacher", "qat", "export", "quantization-sensitivity", "quantize", "pack"]
    assert [name for name in some if some[name] != more[name]] == ["quantize", "pack"]
    assert none["qat"] == some["qat"]


def test_every_share_of_layers_to_keep_comes_from_one_ranking(context: Context) -> None:
    some, more = (stages(context, scheme="static-int8", keep_float=share) for share in (0.2, 0.4))
    assert list(some) == ["teacher", "export", "quantization-sensitivity", "quantize", "pack"]
    assert [name for name in some if some[name] != more[name]] == ["quantize", "pack"]
    other = stages(context, scheme="static-int8", keep_float=0.2, granularity="tensor")
    assert other["quantization-sensitivity"] != some["quantization-sensitivity"]


def test_the_most_sensitive_layers_stay_in_floating_point(exported, context: Context, tmp_path: Path) -> None:
    ranked, out = tmp_path / "ranked", tmp_path / "out"
    for folder in (ranked, out):
        folder.mkdir()
    params = {**STATIC, "keep_float": 0.3}
    QuantizationSensitivity().run(exported.file.parent, ranked, STATIC, context)
    Quantize().run(ranked, out, params, context)
    coverage = int8_coverage(out / MODEL)
    assert (coverage.int8, coverage.floating) == (2, 1)
    Quantize().run(ranked, out, {**STATIC, "keep_float": 0.9}, context)
    assert context.notes == [
        "static-int8 changed nothing: quantization.keep_float 0.9 keeps all 3 layers in floating point"
    ]
    assert int8_coverage(out / MODEL).int8 == 0


class Plain:
    """Writes the file as it is."""

    name = "plain"
    declares = Declaration(formats=("onnx",))

    def quantize(self, source: Path, target: Path, calibration: object, params: object, keep: object = ()) -> None:
        target.write_bytes(source.read_bytes())


def test_a_file_that_a_scheme_leaves_as_it_is_ships_so_with_a_note(
    exported, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(QUANTIZERS, "plain", Plain())
    Quantize().run(exported.file.parent, tmp_path, {"scheme": "plain"}, context)
    assert [file.name for file in sorted(tmp_path.iterdir())] == [MODEL]
    assert context.notes == ["plain changed nothing: no layer of this network suits it"]


@pytest.mark.parametrize(("agreement", "kept"), [(0.01, "no layer"), (1, "/3/Conv")], ids=["hardly any", "all"])
def test_layers_stay_in_floating_point_until_answers_agree(
    exported, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agreement: float, kept: str
) -> None:
    ranked, out = tmp_path / "ranked", tmp_path / "out"
    for folder in (ranked, out):
        folder.mkdir()
    (ranked / MODEL).write_bytes(exported.file.read_bytes())
    (ranked / SENSITIVITY).write_text(json.dumps({"/3/Conv": 0.5, "/0/Conv": 0.2, "/8/Gemm": 0.1}))
    monkeypatch.setattr(module, "same_answers", lambda source, file, calibration: int8_coverage(file).floating or 0.5)
    Quantize().run(ranked, out, {**STATIC, "agreement": agreement}, context)
    assert context.notes == [f"kept in floating point: {kept}"]
    assert int8_coverage(out / MODEL).floating == (kept == "/3/Conv")


@pytest.mark.parametrize("scheme", ["static-int8", "dynamic-int8", "weight-int8", "weight-fp16", "palettize"])
def test_excluded_layers_stay_in_floating_point(exported, context: Context, tmp_path: Path, scheme: str) -> None:
    params = {**STATIC, "scheme": scheme, "bits": 4}
    whole, part = tmp_path / "whole", tmp_path / "part"
    for out, exclude in ((whole, Exclude()), (part, Exclude(quantization=["0"]))):
        out.mkdir()
        Quantize().run(exported.file.parent, out, params, replace(context, exclude=exclude))
    weight = next(layer.weight for layer in layers(onnx.load(exported.file).graph) if layer.name.startswith("/0/"))
    kept = {initializer.name for initializer in onnx.load(part / MODEL).graph.initializer}
    assert weight in kept
    assert weight not in {initializer.name for initializer in onnx.load(whole / MODEL).graph.initializer}
    assert numbers(part / MODEL) < numbers(exported.file)


def test_names_that_are_excluded_are_in_the_key(context: Context) -> None:
    without = stages(context, scheme="weight-int8")
    excluding = stages(replace(context, exclude=Exclude(quantization=["head"])), scheme="weight-int8")
    assert [name for name in without if without[name] != excluding[name]] == ["quantize", "pack"]
