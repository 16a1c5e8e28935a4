import pytest

from pipelines.measurement import Measurement
from pipelines.meters import METRICS
from pipelines.meters.by_target import metric, of, on, together
from pipelines.runtimes import Target, Targets

TWO = Targets((("edge", Target()), ("server", Target(batch=8))))


def taken(accuracy: float, latency_ms: float, note: str) -> Measurement:
    intervals = {"latency_ms": (latency_ms - 1, latency_ms + 1)}
    return Measurement({"accuracy": accuracy, "latency_ms": latency_ms}, intervals, {"size": "bigger", "speedup": note})


EDGE, SERVER = taken(0.9, 5.0, "slower"), taken(0.8, 2.0, "no faster")


def test_a_number_on_all_targets_is_the_worst_of_them() -> None:
    found = together(on("edge", EDGE) | on("server", SERVER), TWO)
    assert found.metrics == {
        "accuracy@edge": 0.9,
        "latency_ms@edge": 5.0,
        "accuracy@server": 0.8,
        "latency_ms@server": 2.0,
        "accuracy": 0.8,
        "latency_ms": 5.0,
    }
    assert found.intervals["latency_ms"] == (4.0, 6.0)
    assert found.notes == {"size": "bigger", "speedup@edge": "slower", "speedup@server": "no faster"}
    assert together(found, TWO) == found


def test_what_was_taken_on_one_is_found_again() -> None:
    found = on("edge", EDGE) | on("server", SERVER)
    assert of("edge", found) == EDGE
    assert of("server", together(found, TWO)).metrics == SERVER.metrics


def test_nothing_is_said_of_all_before_all_are_known() -> None:
    assert together(on("edge", EDGE), TWO) == on("edge", EDGE)


def test_one_without_a_name_stays_as_it_is() -> None:
    assert on("", EDGE) == of("", EDGE) == together(EDGE, Targets()) == EDGE


def test_a_name_with_a_target_is_the_same_metric() -> None:
    assert metric("latency_ms@edge") is metric("latency_ms") is METRICS["latency_ms"]
    with pytest.raises(KeyError):
        metric("latency@edge")
