"""The contract of every registered meter, and what all of them find together."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pipelines import Target
from pipelines.errors import TrialFailed
from pipelines.lease import Lease
from pipelines.meters import (
    METERS,
    METRICS,
    Candidate,
    Measurement,
    Meter,
    Metric,
    measure_file,
    measure_on_request,
    measure_running,
)
from pipelines.meters import whole as checked
from pipelines.runtimes import RUNTIMES, Artifact, Feed
from pipelines.scores import SCORES


@pytest.fixture
def candidate(exported, tiny, store) -> Candidate:
    asked = frozenset(name for name, metric in METRICS.items() if metric.on_request)
    own = exported.artifact
    return Candidate(own, own, own, tiny, Target(), store, asked)


def measure(candidate: Candidate) -> Measurement:
    return checked(measure_file(candidate) | measure_running(candidate))


class Broken:
    """A runtime whose sessions answer with something that is not a number."""

    name = "broken"
    packages = ()

    def load(self, artifact: Artifact, target: Target) -> "Broken":
        return self

    def run(self, feed: Feed) -> np.ndarray:
        return np.array([[math.nan, 0.0]], np.float32)

    def run_all(self, feed: Feed) -> dict[str, np.ndarray]:
        return {"output": self.run(feed)}


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: type(meter).__name__)
def test_an_optional_number_that_is_not_there_has_its_reason(meter: Meter, candidate: Candidate) -> None:
    measured = meter.measure(candidate)
    for metric in meter.metrics:
        if metric.absence and metric.absence(candidate.target):
            assert metric.name not in measured.metrics
            assert measured.notes[metric.name] == f"not available: {metric.absence(candidate.target)}"


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: type(meter).__name__)
def test_exact_numbers_are_repeated_and_have_no_interval(meter: Meter, candidate: Candidate) -> None:
    exact = [metric.name for metric in meter.metrics if metric.exact]
    first, second = (meter.measure(replace(candidate)) for _ in range(2))
    assert [first.metrics.get(name) for name in exact] == [second.metrics.get(name) for name in exact]
    assert not set(exact) & set(first.intervals)


def test_the_exact_numbers_are_those_of_size_and_complexity() -> None:
    exact = [name for name, metric in METRICS.items() if metric.exact]
    assert exact == ["size_mb", "size_ratio", "size_zstd_mb", "size_zstd_ratio", "parameters", "macs"]


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: type(meter).__name__)
def test_intervals_are_of_its_metrics_and_around_their_values(meter: Meter, candidate: Candidate) -> None:
    measured = meter.measure(candidate)
    assert set(measured.intervals) <= set(measured.metrics)
    assert all(low <= measured.metrics[name] <= high for name, (low, high) in measured.intervals.items())


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: type(meter).__name__)
def test_it_leaves_the_device_to_others(meter: Meter, candidate: Candidate) -> None:
    meter.measure(candidate)
    with Lease().alone():
        pass


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: type(meter).__name__)
def test_it_measures_what_it_promises(meter: Meter, candidate: Candidate) -> None:
    measured = meter.measure(candidate).metrics
    assert set(measured) <= {metric.name for metric in meter.metrics}
    assert set(measured) >= {metric.name for metric in meter.metrics if not metric.optional}
    assert all(isinstance(value, float) and math.isfinite(value) for value in measured.values())


def test_what_can_be_measured_where_a_file_was_built_does_not_run_it_on_its_target(candidate, monkeypatch) -> None:
    whole = measure(replace(candidate))
    monkeypatch.setattr(Candidate, "running", lambda *_: pytest.fail("the file was run"))
    found = measure_file(replace(candidate))
    rest = {metric.name for meter in METERS if meter.running for metric in meter.metrics}
    assert set(found.metrics) == set(whole.metrics) - rest
    assert set(found.notes) == {name for name in whole.notes if name.split(".")[0] not in rest - {"latency"}} - {
        name for name in whole.notes if name.startswith("latency")
    }


def test_every_metric_has_one_meter_a_direction_and_a_help() -> None:
    metrics = [metric for meter in METERS for metric in meter.metrics]
    assert len({metric.name for metric in metrics}) == len(metrics) == len(METRICS)
    assert all(metric.direction in ("minimize", "maximize") and metric.help for metric in metrics)


def test_all_numbers_are_measured_together(candidate: Candidate) -> None:
    shared = {name: metric for name, metric in METRICS.items() if name not in SCORES}
    here = {name for name, metric in shared.items() if not (metric.absence and metric.absence(candidate.target))}
    assert set(measure(candidate).metrics) == here


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: type(meter).__name__)
def test_what_is_measured_on_request_is_absent_without_one_and_has_that_reason(meter, candidate: Candidate) -> None:
    measured = meter.measure(replace(candidate, asked=frozenset()))
    for metric in meter.metrics:
        if metric.on_request:
            assert metric.name not in measured.metrics
            assert measured.notes[metric.name].startswith("not asked for")


def test_what_was_not_asked_for_can_be_measured_later_and_nothing_besides(candidate: Candidate) -> None:
    whole = measure(candidate).metrics
    asked = replace(candidate, asked=frozenset({"size_zstd_mb", "accuracy"}))
    assert measure_on_request(asked) == Measurement({"size_zstd_mb": whole["size_zstd_mb"]})
    assert measure_on_request(replace(candidate, asked=frozenset())) == Measurement({})


def test_the_reference_measured_against_itself_is_neutral(candidate: Candidate) -> None:
    measured = measure(candidate).metrics
    assert measured["accuracy_drop"] == 0
    assert measured["size_ratio"] == 1
    assert measured["latency_ratio"] == measured["latency_vs_parent"] == 1


class Half:
    """A meter with a number that has to be there and one that may be."""

    metrics = (
        Metric("needed", "minimize", "a number"),
        Metric("extra", "minimize", "another", absence=lambda: "no counter"),
    )
    running = False

    def __init__(self, **numbers: float) -> None:
        self._numbers = numbers

    def measure(self, candidate: Candidate) -> Measurement:
        return Measurement(self._numbers)


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"needed": 1.0}, None),
        ({"needed": 1.0, "extra": 2.0}, None),
        ({"extra": 2.0}, "needed was measured as None"),
        ({"needed": math.inf}, "needed was measured as inf"),
        ({"needed": 1.0, "extra": math.nan}, "extra was measured as nan"),
    ],
    ids=lambda value: str(value),
)
def test_only_optional_numbers_may_be_absent(
    candidate: Candidate, monkeypatch: pytest.MonkeyPatch, numbers: dict[str, float], reason: str | None
) -> None:
    meter = Half(**numbers)
    monkeypatch.setattr("pipelines.meters.METERS", (meter,))
    monkeypatch.setattr("pipelines.meters.METRICS", {metric.name: metric for metric in meter.metrics})
    if reason:
        with pytest.raises(TrialFailed, match=reason):
            measure(candidate)
    else:
        assert measure(candidate).metrics == numbers


def test_a_number_that_is_not_finite_fails_the_trial(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNTIMES, "broken", Broken())
    with pytest.raises(TrialFailed, match="outputs that are not finite on the validation split"):
        measure(replace(candidate, target=Target("broken")))


def test_no_metric_is_better_than_the_best_that_there_can_be(candidate: Candidate) -> None:
    measured = measure(candidate).metrics
    for name, metric in METRICS.items():
        best = metric.best_for(candidate.task)
        if best is not None and name in measured:
            assert measured[name] <= best if metric.direction == "maximize" else measured[name] >= best


def test_what_a_metric_says_of_itself() -> None:
    values = {"accuracy", "accuracy_drop", "size_zstd_mb", "size_zstd_ratio"}
    assert {name for name, metric in METRICS.items() if not metric.of_structure} == {*values, *SCORES}
    assert {name: metric.best for name, metric in METRICS.items() if metric.best is not None} == {
        "accuracy": 1, "accuracy_drop": -1, "size_zstd_mb": 0, "size_zstd_ratio": 0,
        **{score.name: score.best for score in SCORES.values()},
    }  # fmt: skip


def test_nobody_knows_the_best_of_a_score_that_is_the_tasks_own(tiny) -> None:
    tiny.score = lambda outputs, targets: -(outputs[:, 0] - targets).abs()
    known = {name for name, metric in METRICS.items() if metric.best_for(tiny) is not None}
    assert known == {"size_zstd_mb", "size_zstd_ratio", *SCORES}
