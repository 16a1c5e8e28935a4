from search.replay.replay import Curve, Point
from search.replay.surrogate import Error
from search.reports.replay_plot import plot_replay
from search.reports.replay_report import error_words, replay_json, replay_table

WAS = Curve((Point(0.5, 60.0, 50.0), Point(0.8, 120.0, 90.0), Point(0.8, 180.0, 120.0)))
REPLAYED = [Curve((Point(0.5, 60.0, 50.0), Point(0.9, 90.0, 95.0)), 1), Curve((Point(0.5, 60.0, 50.0),), 0)]
ERRORS = [Error("accuracy", 0.0123, False), Error("latency_ms", 0.091, True)]


def test_both_courses_stand_side_by_side(console) -> None:
    console.print(replay_table("small", WAS, 1, REPLAYED, 4))
    was, replayed = [
        line for line in console.file.getvalue().splitlines() if "as it was" in line or "replayed " in line
    ][-2:]
    assert [cell.strip() for cell in was.split("│")[2:-1]] == ["3", "1", "0.8000", "2 trials", "3m", "2m", "0%"]
    assert [cell.strip() for cell in replayed.split("│")[2:-1]] == [
        "2 (1–2)",
        "4",
        "0.7000 (0.5000–0.9000)",
        "2 (1–2) trials",
        "1m15s",
        "1m12s",
        "25%",
    ]


def test_what_is_supposed_is_told_with_its_error() -> None:
    assert "1 of 3 replayed trials" in error_words(REPLAYED, ERRORS)
    assert "accuracy ±0.0123, latency_ms ±9.1%" in error_words(REPLAYED, ERRORS)
    assert error_words([WAS], []) == "every recipe was run in the sweep: all numbers are measured ones"


def test_the_courses_as_data() -> None:
    data = replay_json(WAS, REPLAYED, 4, ERRORS)
    assert data["sweep"]["hypervolume"] == [0.5, 0.8, 0.8]
    assert [each["supposed"] for each in data["replays"]] == [1, 0]
    assert data["model_errors"] == ["accuracy ±0.0123", "latency_ms ±9.1%"]


def test_the_courses_as_a_picture(tmp_path) -> None:
    plot_replay("small", WAS, REPLAYED, 4, tmp_path / "replay.png")
    assert (tmp_path / "replay.png").stat().st_size > 10_000
