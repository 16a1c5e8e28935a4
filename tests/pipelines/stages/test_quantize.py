import pytest

from pipelines.stages import QUANTIZE


@pytest.mark.parametrize(
    ("params", "label"),
    [
        ({"scheme": "dynamic-int8"}, "dynamic-int8"),
        (
            {"scheme": "static-int8", "calibrator": "entropy", "granularity": "tensor"},
            "static-int8·entropy·tensor",
        ),
    ],
    ids=["dynamic", "static"],
)
def test_its_label_names_scheme_and_refinements(params: dict, label: str) -> None:
    assert QUANTIZE.label(params) == label


def test_calibration_means_something_for_static_schemes_only() -> None:
    names = ["quantization.scheme", "quantization.calibrator", "quantization.granularity"]
    for scheme, applying in (("none", names[:1]), ("dynamic-int8", names[:1]), ("static-int8", names)):
        assert list(QUANTIZE.walk(lambda p, scheme=scheme: p.default or scheme)) == applying
