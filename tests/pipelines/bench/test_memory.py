from pathlib import Path

import pytest

from pipelines.bench.memory import peak_growth

MEGABYTE = 1_000_000


def allocate() -> int:
    return len(b"\1" * (64 * MEGABYTE))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux has it")
def test_memory_that_was_given_back_counts_and_counts_again() -> None:
    for _ in range(2):
        made, grown = peak_growth(allocate)
        assert made == 64 * MEGABYTE
        assert 60 * MEGABYTE < grown < 80 * MEGABYTE


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux has it")
def test_an_earlier_peak_does_not_count() -> None:
    allocate()
    assert peak_growth(lambda: None)[1] < 4 * MEGABYTE


def test_where_the_peak_cannot_be_set_back_it_is_the_rise_of_the_peak(tmp_path: Path) -> None:
    made, grown = peak_growth(lambda: 7, proc=tmp_path / "none")
    assert made == 7
    assert grown >= 0
