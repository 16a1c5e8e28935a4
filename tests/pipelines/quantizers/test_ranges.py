from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from pipelines.quantizers.ranges import METHODS, WIDEST, find_ranges, masked

OPERATORS = ["Add", "MatMul", "Softmax"]


@pytest.mark.parametrize(
    ("low", "high", "is_mask"),
    [
        (-1.0, 1.0, False),
        (-WIDEST, WIDEST, False),
        (-1e4, 0.0, True),
        (-np.inf, 0.0, True),
        (0.0, np.finfo(np.float32).max, True),
        (np.nan, np.nan, True),
    ],
)
def test_numbers_beyond_any_activation_are_masks(low: float, high: float, is_mask: bool) -> None:
    extremes = {"x": SimpleNamespace(range_value=(np.array(low), np.array(high)))}
    assert masked(extremes) == ({"x"} if is_mask else set())


def test_the_scores_of_what_is_masked_are_found(prepared: Callable) -> None:
    given = prepared("masked")
    found = find_ranges(given.file, given.calibration, "minmax", OPERATORS)
    masks = masked(found)
    assert masks
    assert len(masks) < len(list(found.keys()))


@pytest.mark.parametrize("method", [name for name in METHODS if name != "minmax"])
def test_histograms_are_made_of_the_others_only(prepared: Callable, method: str) -> None:
    given = prepared("masked")
    masks = masked(find_ranges(given.file, given.calibration, "minmax", OPERATORS))
    found = find_ranges(given.file, given.calibration, method, OPERATORS, masks)
    assert masks.isdisjoint(found.keys())
    assert all(np.isfinite(end).all() for _, each in found.items() for end in each.range_value)
