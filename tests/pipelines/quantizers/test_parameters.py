import pytest

from pipelines.quantizers.parameters import (
    CALIBRATION_SIZE,
    CALIBRATOR,
    GRANULARITY,
    KEEP_FLOAT,
    keeps_none,
    refined,
)

ALL = (CALIBRATOR, GRANULARITY, CALIBRATION_SIZE, KEEP_FLOAT)


@pytest.mark.parametrize(
    ("params", "label"),
    [
        ({}, "int8"),
        ({"calibrator": "minmax", "granularity": "channel", "calibration_size": "all", "keep_float": 0}, "int8"),
        ({"calibrator": "entropy"}, "int8·entropy"),
        ({"granularity": "tensor", "keep_float": 0.25}, "int8·tensor·keep0.25"),
        ({"calibration_size": 64}, "int8·n64"),
    ],
)
def test_a_label_has_what_differs_from_the_defaults(params, label) -> None:
    assert refined("int8", params, ALL) == label


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("all", None),
        (1, None),
        (0, "0 is out of range; legal: a whole number >= 1 and <= 1000000, or all"),
        ("some", "'some' is not a whole number; legal: a whole number >= 1 and <= 1000000, or all"),
    ],
)
def test_a_number_of_examples_may_be_all_of_them(value, problem) -> None:
    assert CALIBRATION_SIZE.domain.problem(value) == problem


@pytest.mark.parametrize(
    ("params", "expected"),
    [({}, True), ({"keep_float": 0}, True), ({"keep_float": 0.1}, False), ({"agreement": 0.9}, False)],
)
def test_every_layer_is_quantized_unless_a_share_is_kept(params, expected) -> None:
    assert keeps_none(params) is expected
