import pytest
from matplotlib.figure import Figure
from PIL import Image

from search.analysis.importance import Importance
from search.reports.overview import plot_importances, plot_parallel
from search.study.state import SweepState


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k)))
    return figures


def test_every_measured_trial_is_a_line_and_every_choice_an_axis(config, make_trial, drawn, tmp_path) -> None:
    points = list(config.space.points())[:5]
    trials = [
        make_trial(0, (0.9, 4.0, 2.0)),
        *(make_trial(n, (0.5, 1.0, n), params=p) for n, p in enumerate(points, 1)),
    ]
    trials.append(make_trial(9, None, "bad"))
    plot_parallel(config, SweepState.of(trials, config), trials, tmp_path / "parallel.png")
    (figure,) = drawn
    assert sum(len(lines.get_segments()) for lines in figure.axes[0].collections) == 6
    names = [label.get_text().replace("\n", "") for label in figure.axes[0].get_xticklabels()]
    assert names[0] == "student.depth"
    assert names[-3:] == ["accuracy", "latency_ms", "size_mb"]
    assert Image.open(tmp_path / "parallel.png").width > 500


def test_the_best_value_is_at_the_top_whatever_its_direction(config, make_trial, drawn, tmp_path) -> None:
    trials = [make_trial(0, (0.9, 4.0, 2.0)), make_trial(1, (0.7, 1.0, 2.5))]
    plot_parallel(config, SweepState.of(trials, config), trials, tmp_path / "parallel.png")
    heights = {text.get_text(): text.get_position()[1] for text in drawn[0].axes[0].texts}
    assert {name: heights[name] for name in ("0.9", "0.7", "4", "1", "2.5")} == {
        **{"0.9": 1, "0.7": 0},
        **{"4": 0, "1": 1},
        "2.5": 0,
    }


def test_nothing_measured_is_no_error(config, make_trial, tmp_path) -> None:
    plot_parallel(config, SweepState.of([], config), [make_trial(0)], tmp_path / "parallel.png")
    assert (tmp_path / "parallel.png").exists()


def test_importances_have_a_panel_for_each_objective(drawn, tmp_path) -> None:
    found = [
        Importance("accuracy", "a.x", 0.7, 5),
        Importance("accuracy", "b.y", 0.3, 5),
        Importance("size", "b.y", 1, 5),
    ]
    plot_importances(found, tmp_path / "importance.png")
    accuracy, size = drawn[0].axes
    assert [accuracy.get_title(), size.get_title()] == ["accuracy", "size"]
    assert [bar.get_width() for bar in accuracy.patches] == [0.7, 0.3]
    assert [bar.get_width() for bar in size.patches] == [0.0, 1.0]
