import pytest

from search.reports.front_comparison_plot import plot_front_comparison


def test_it_is_drawn(two_fronts, tmp_path) -> None:
    plot_front_comparison(two_fronts, tmp_path / "both.svg")
    assert "<svg" in (tmp_path / "both.svg").read_text(encoding="utf-8")


def test_a_file_without_an_ending_has_no_format(two_fronts, tmp_path) -> None:
    with pytest.raises(ValueError, match="no ending"):
        plot_front_comparison(two_fronts, tmp_path / "both")
    assert list(tmp_path.iterdir()) == []
