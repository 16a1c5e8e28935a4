import pytest
from matplotlib.figure import Figure

from search.config.objective import Objective
from search.reports.plot import frame, plot_front, whiskers
from search.study.state import SweepState
from tests.search.results import measured


@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_picture_is_drawn(make_config, make_trial, tmp_path, objectives, count) -> None:
    names = ("accuracy", "latency_ms", "size_mb")[:objectives]
    raw = {name: "maximize" if name == "accuracy" else "minimize" for name in names}
    config = make_config()
    from search.config.sweep_config import parse_config

    config = parse_config({**config.raw, "objectives": raw})
    trials = [make_trial(n, (0.9 - n / 10, 4.0 - n % 4, 2.0)) for n in range(count)]
    path = tmp_path / "front.png"
    plot_front("title", SweepState.of(trials, config), trials, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_ending_gives_the_format(config, make_trial, tmp_path) -> None:
    trials = [make_trial(0, (0.9, 4.0, 2.0))]
    plot_front("title", SweepState.of(trials, config), trials, tmp_path / "front.svg")
    assert "<svg" in (tmp_path / "front.svg").read_text(encoding="utf-8")
    for name in ("front.xyz", "front"):
        with pytest.raises(ValueError, match="format"):
            plot_front("title", SweepState.of(trials, config), trials, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["front.svg"]


def test_whiskers_reach_from_end_to_end_where_intervals_are_known(make_trial) -> None:
    accuracy, latency = Objective("accuracy", "maximize"), Objective("latency_ms", "minimize")
    sure, unsure = make_trial(0, (0.9, 4.0, 2.0)), make_trial(1, (0.8, 2.0, 1.0))
    intervals = {"latency_ms": (1.5, 2.25), "accuracy": (0.7, 0.85)}
    unsure = measured(unsure, intervals=intervals)
    axes = Figure().add_subplot()
    whiskers(axes, latency, accuracy, [sure, unsure], "#000000")
    segments = [segment for bars in axes.collections for segment in bars.get_segments()]
    drawn = sorted(sorted(map(tuple, segment.round(6).tolist())) for segment in segments)
    assert drawn == [[(1.5, 0.8), (2.25, 0.8)], [(2.0, 0.7), (2.0, 0.85)]]


@pytest.mark.parametrize(("high", "expected"), [(2.5, (0.88, 2.62)), (1e9, (0.88, 3.12)), (1.9, (0.88, 2.12))])
def test_the_axes_leave_room_for_whiskers_but_not_for_any(make_trial, high, expected) -> None:
    """The points lie 1 apart: 12 % of that is left at the ends, and for whiskers no more than 1."""
    accuracy, latency = Objective("accuracy", "maximize"), Objective("latency_ms", "minimize")
    first, second = make_trial(0, (0.9, 1.0, 1)), make_trial(1, (0.8, 2.0, 1))
    first = measured(first, intervals={"latency_ms": (1.0, high)})
    axes = Figure().add_subplot()
    frame(axes, latency, accuracy, [first, second])
    assert axes.get_xlim() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("latencies", "scale"), [((1.0, 19.0), "linear"), ((0.1, 10.0), "log")], ids=["near each other", "far apart"]
)
def test_what_spreads_over_decades_is_drawn_on_a_logarithmic_axis(make_trial, latencies, scale: str) -> None:
    accuracy, latency = Objective("accuracy", "maximize"), Objective("latency_ms", "minimize")
    axes = Figure().add_subplot()
    frame(axes, latency, accuracy, [make_trial(number, (0.9, ms, 1)) for number, ms in enumerate(latencies)])
    low, high = axes.get_xlim()
    assert (axes.get_xscale(), axes.get_yscale()) == (scale, "linear")
    assert low < latencies[0]
    assert latencies[1] < high < 2 * latencies[1]
    if scale == "log":
        assert low == pytest.approx(0.1 / 100**0.12)
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == pytest.approx(
            [0.1, 0.2, 0.5, 1, 2, 5, 10]
        )
