from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from pipelines.quantizers import Calibration, ranges
from pipelines.quantizers.ranges import METHODS, WIDEST, find_ranges, masked, too_narrow

OPERATORS = ["Add", "MatMul", "Softmax"]


@pytest.mark.parametrize(
    ("numbers", "is_mask"),
    [
        ([-1.0, 0.5, 1.0], False),
        ([-WIDEST, 0.5, 8.0], False),
        ([-1e4, -3.0, 8.0], True),
        ([-1e3, -3.0, 8.0], True),
        ([-np.inf, -3.0, 8.0], True),
        ([0.5, np.finfo(np.float32).max], True),
        ([np.nan, 1.0], True),
        ([-1e4, 0.0], False),  # 8 bits hold this exactly
        ([1.0, 500.0, 1e4], False),
        ([3e5, 6e5, 9e5], False),
    ],
    ids=str,
)
def test_numbers_far_from_all_others_are_masks(
    export: Callable, tmp_path: Path, numbers: list[float], is_mask: bool
) -> None:
    rows = torch.tensor(numbers)[:, None]
    file = export(nn.Identity(), torch.ones(1, 1))
    low, high = np.min(numbers), np.max(numbers)
    extremes = {"input": SimpleNamespace(range_value=(np.array(low), np.array(high)))}
    assert masked(file, Calibration(lambda: [rows]), extremes) == ({"input"} if is_mask else set())


def test_the_scores_of_what_is_masked_are_found(prepared: Callable) -> None:
    given = prepared("masked")
    found = find_ranges(given.file, given.calibration, "minmax", OPERATORS)
    masks = masked(given.file, given.calibration, found)
    assert masks
    assert len(masks) < len(list(found.keys()))


def test_it_leaves_the_processors_of_others_alone(prepared: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    given, made = prepared("masked"), []
    create = ranges.create_calibrator
    monkeypatch.setattr(ranges, "create_calibrator", lambda *a, **more: made.append(create(*a, **more)) or made[-1])
    find_ranges(given.file, given.calibration, "minmax", OPERATORS)
    (calibrator,) = made
    assert calibrator.infer_session.get_session_options().intra_op_num_threads == torch.get_num_threads()


@pytest.mark.parametrize("method", [name for name in METHODS if name != "minmax"])
def test_histograms_are_made_of_the_others_only(prepared: Callable, method: str) -> None:
    given = prepared("masked")
    masks = masked(given.file, given.calibration, find_ranges(given.file, given.calibration, "minmax", OPERATORS))
    found = find_ranges(given.file, given.calibration, method, OPERATORS, masks)
    assert masks.isdisjoint(found.keys())
    assert all(np.isfinite(end).all() for _, each in found.items() for end in each.range_value)


@pytest.mark.parametrize(
    ("low", "high", "is_narrow"),
    [(-1.0, 1.0, False), (0.0, 0.0, True), (1.0, 1.0001, True), (0.0, 1e-38, True), (1.0, 1.1, False)],
)
def test_of_what_hardly_varies_no_histogram_is_made(low: float, high: float, is_narrow: bool) -> None:
    extremes = {"x": SimpleNamespace(range_value=(np.array([low]), np.array([high])))}
    assert too_narrow(extremes) == ({"x"} if is_narrow else set())
