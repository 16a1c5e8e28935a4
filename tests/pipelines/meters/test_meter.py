"""The contract of every registered meter, and `measure` over all of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pipelines import Target
from pipelines.errors import TrialFailed
from pipelines.meters import METERS, METRICS, Meter, Subject, measure
from pipelines.runtimes import Feed, OnnxRuntime


@pytest.fixture
def subject(exported, tiny) -> Subject:
    return Subject(exported.file, exported.file, exported.file, tiny, Target(), OnnxRuntime())


class Broken:
    """A runtime whose sessions answer with something that is not a number."""

    name = "broken"

    def load(self, file: object, threads: int) -> "Broken":
        return self

    def run(self, feed: Feed) -> np.ndarray:
        return np.array([[math.nan, 0.0]], np.float32)


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: type(meter).__name__)
def test_it_measures_what_it_promises(meter: Meter, subject: Subject) -> None:
    measured = meter.measure(subject).metrics
    assert set(measured) == {metric.name for metric in meter.metrics}
    assert all(isinstance(value, float) and math.isfinite(value) for value in measured.values())


def test_every_metric_has_one_meter_a_direction_and_a_help() -> None:
    metrics = [metric for meter in METERS for metric in meter.metrics]
    assert len({metric.name for metric in metrics}) == len(metrics) == len(METRICS)
    assert all(metric.direction in ("minimize", "maximize") and metric.help for metric in metrics)


def test_all_numbers_are_measured_together(subject: Subject) -> None:
    assert set(measure(subject).metrics) == set(METRICS)


def test_the_reference_measured_against_itself_is_neutral(subject: Subject) -> None:
    measured = measure(subject).metrics
    assert measured["accuracy_drop"] == 0
    assert measured["size_ratio"] == 1


def test_a_number_that_is_not_finite_fails_the_trial(subject: Subject) -> None:
    with pytest.raises(TrialFailed, match="outputs that are not finite on the validation split"):
        measure(replace(subject, runtime=Broken()))
