import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.config.budget import LEGAL, LONGEST_DAYS, Budget, duration

KINDS = st.sampled_from(["wall", "cpu", "gpu"])


@pytest.mark.parametrize(
    ("written", "budget", "shown"),
    [
        ("2h", Budget(7200), "2h"),
        ("90m", Budget(5400), "1h30m"),
        ("1.5 hours", Budget(5400), "1h30m"),
        ("1h 30min", Budget(5400), "1h30m"),
        ("1d", Budget(86400), "1d"),
        ("36H", Budget(129600), "1d12h"),
        ("45s", Budget(45), "45s"),
        ("8 gpu-hours", Budget(28800, "gpu"), "8 gpu-hours"),
        ("8 GPU hours", Budget(28800, "gpu"), "8 gpu-hours"),
        ("1gpuh", Budget(3600, "gpu"), "1 gpu-hour"),
        ("30 cpu-minutes", Budget(1800, "cpu"), "0.5 cpu-hours"),
        ("100 cpu-hours", Budget(360000, "cpu"), "100 cpu-hours"),
        ("1 cpu-s", Budget(1, "cpu"), "0.0003 cpu-hours"),
    ],
)
def test_natural_spellings_have_one_form(written, budget, shown) -> None:
    assert Budget.parse(written) == budget
    assert str(budget) == shown


@settings(max_examples=200, deadline=None)
@given(st.integers(1, LONGEST_DAYS * 86_400), KINDS)
def test_what_is_shown_is_read_back(seconds, of) -> None:
    budget = Budget(seconds, of)
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (3600, "3600 has no unit"),
        ("12.5", "'12.5' has no unit"),
        (True, "true has no unit"),
        ("2 hors", "'2 hors' is not a budget"),
        ("2h or so", "'2h or so' is not a budget"),
        ("about 2h", "'about 2h' is not a budget"),
        ("-2h", "'-2h' is not a budget"),
        ("8 tpu-hours", "'8 tpu-hours' is not a budget"),
        ("gpu-hours", "'gpu-hours' is not a budget"),
        ("", "'' is not a budget"),
        ("0h", "'0h' is less than a second"),
        ([2], "[2] is not a budget"),
        ("10001d", "'10001d' is more than 10000 days"),
        ("9" * 400 + "h", f"'{'9' * 37}...{'9' * 37}h' is more than 10000 days"),
    ],
)
def test_what_is_none_is_told_with_what_is_legal(written, told) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{told}; legal: {LEGAL}") + "$"):
        Budget.parse(written)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (45.4, "45s"),
        (75, "1m15s"),
        (2040, "34m"),
        (4350, "1h12m"),
        (7199, "2h"),
        (90000, "1d1h"),
    ],
)
def test_a_duration_has_two_units(seconds, shown) -> None:
    assert duration(seconds) == shown


def test_progress_is_in_the_units_of_the_budget() -> None:
    assert Budget(7200).progress(2040) == "34m of 2h"
    assert Budget(28800, "gpu").progress(11520) == "3.2 of 8 gpu-hours"
