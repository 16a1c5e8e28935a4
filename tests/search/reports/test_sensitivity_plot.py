import warnings
from dataclasses import replace

import pytest

from search.reports.sensitivity_plot import plot_sensitivity


def test_a_picture_is_drawn_in_the_format_of_its_ending(analysed, tmp_path) -> None:
    plot_sensitivity("title", analysed, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    plot_sensitivity("title", analysed, tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_layers_that_all_failed_are_no_reason_to_draw_nothing(analysed, tmp_path) -> None:
    failed = replace(analysed, accuracy=0.0, rows=tuple(row for row in analysed.rows if row.note))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_sensitivity("title", failed, tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize(("name", "problem"), [("a", "no ending"), ("a.xyz", ".xyz is no format of pictures")])
def test_a_format_that_is_not_known_is_told(analysed, tmp_path, name, problem) -> None:
    with pytest.raises(ValueError, match=problem):
        plot_sensitivity("title", analysed, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
