"""Samples are literal: they are what earlier versions left on people's disks."""

import pytest

from pipelines import StageRun
from pipelines.meters import Measurement
from search.study.earlier_format import todays_proposer
from search.study.outcome import Complete, Failed, Stopped
from search.study.rung import Rung
from search.study.trial import Result

FLAT = {
    "number": 3,
    "started": 1.5,
    "finished": 2.5,
    "metrics": {"accuracy": 0.5},
    "intervals": {"accuracy": [0.4, 0.6]},
    "facts": {"latency.load": "quiet"},
    "reason": "",
    "stopped": "",
    "details": "",
    "share": 1.0,
    "stages": [{"name": "teacher", "key": "k", "seconds": 1.0, "reused": True}],
    "climbed": [{"name": "distil", "key": "d", "seconds": 2.0, "reused": False}],
    "model": "m",
    "seconds": {"measuring": 0.5},
    "usage": {"memory_mb": [[100.0, 5.0]]},
}
NONE = {"metrics": {}, "intervals": {}, "facts": {}, "model": ""}


def test_a_flat_result_is_a_complete_one() -> None:
    found = Result.from_json(FLAT)
    measured = Measurement({"accuracy": 0.5}, {"accuracy": (0.4, 0.6)}, {"latency.load": "quiet"})
    assert found.outcome == Complete(measured, "m")
    assert (found.number, found.fidelity, found.seconds) == (3, 1.0, {"measuring": 0.5})
    assert found.stages == (StageRun("teacher", "k", 1.0, reused=True),)
    assert found.rung_stages == (StageRun("distil", "d", 2.0, reused=False),)
    assert Result.from_json({**FLAT, "seconds": {"waiting": 0.25}}).spent == {"waiting_for_device": 0.25, "other": 0.75}
    assert found.usage == {"memory_mb": ((100.0, 5.0),)}


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ({"reason": "bad", "details": "Traceback"}, Failed("bad", "Traceback")),
        ({"stopped": "too large", "share": 0.0}, Stopped("too large")),
    ],
)
def test_two_strings_told_how_a_trial_had_ended(words, outcome) -> None:
    assert Result.from_json({**FLAT, **NONE, **words}).outcome == outcome


def test_a_rung_had_a_share_of_its_trainings() -> None:
    old = {"share": 0.5, "metrics": {"size_mb": 1.0}, "intervals": {"size_mb": [0.9, 1.1]}}
    assert Rung.from_json(old) == Rung(0.5, Measurement({"size_mb": 1.0}, {"size_mb": (0.9, 1.1)}))


@pytest.mark.parametrize(
    ("name", "number", "today"),
    [(None, 0, "baseline"), (None, 4, "sampler"), ("leaf", 4, "suffix"), ("sampler", 4, "sampler")],
)
def test_proposers_by_their_earlier_names(name, number, today) -> None:
    assert todays_proposer(name, number) == today
