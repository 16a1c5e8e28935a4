import pytest

from benchmarks.utilization import Gpus, figures


@pytest.fixture
def gpus() -> Gpus:
    """Two GPUs for 100 seconds: both work for the first 80, and one after that."""
    found = Gpus()
    found.points = [(float(second), [1.0, 1.0] if second < 80 else [1.0, 0.0]) for second in range(100)]
    return found


def trial(number: int, started: float, finished: float, ratio: float, idle: float | None = None, **seconds: float):
    metrics = {"latency_ratio": ratio}
    again = {"latency_ratio": idle} if idle else None
    return {
        "number": number,
        "state": "complete",
        "reason": "",
        "started": started,
        "finished": finished,
        "seconds": seconds,
        "metrics": metrics,
        "idle": again,
    }


def test_what_is_told_follows_from_the_trials_and_the_points(gpus) -> None:
    trials = [
        trial(0, 0, 40, 1.0),
        trial(1, 0, 40, 0.5, 0.5, measuring=4.0, waiting=2.0),
        trial(2, 40, 80, 0.8, 0.8, yielding=2.0),
        trial(3, 80, 100, 0.22, 0.2, elsewhere=8.0),
    ]
    found = figures(trials, gpus, slots=2)
    assert found["busy"] == 1.0  # until the last but one began
    assert found["busy_whole"] == pytest.approx(0.9)
    assert found["per_gpu_hour"] == pytest.approx(4 / 100 * 3600 / 2)
    assert found["measuring"] == pytest.approx(8 / (40 + 40 + 40 + 12))
    assert found["spearman"] == 1.0
    assert found["median_error"] == pytest.approx(0.0)
    assert found["largest_error"] == pytest.approx(0.1)


def test_a_machine_without_a_gpu_has_no_share(gpus) -> None:
    gpus.points = []
    found = figures([trial(0, 0, 40, 1.0)], gpus, slots=2)
    assert (found["busy"], found["gpus"], found["spearman"]) == (None, 0, None)
