from math import log

import pytest

from search.study.outcome import Failed
from search.study.study import Study
from search.study.trial import Result, Trial
from search.suggest.patience import FEWEST, Patience, expected_gain
from search.suggest.queue import StudyQueue
from spaces import Recipe
from tests.search.results import complete


def test_further_trials_bring_what_the_latest_half_brought_and_a_step_and_less_the_more_there_were() -> None:
    grown = [0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.6, 0.6]  # three steps from .1 to .6, of which .2 in the latest half
    step = 0.5 / 3
    assert expected_gain(grown, 8) == pytest.approx(0.2 + step)
    assert expected_gain(grown, 24) == pytest.approx(2 * (0.2 + step))
    assert expected_gain([*grown, *[0.6] * 8], 8) == pytest.approx(step * log(1.5) / log(2))


def test_a_front_that_never_grew_promises_nothing() -> None:
    assert expected_gain([0.5] * 30, 10) == 0


@pytest.fixture
def patient(make_config):
    return lambda **search: make_config(search={"trials": None, "patience": 10, **search})


def curve(make_trial, values: list[float]) -> list[Trial]:
    """Trials after which the small sweep's hypervolume is in proportion to `values`: each a teacher's size or less."""
    return [make_trial(number, (value, 1.0, 1.0)) for number, value in enumerate(values)]


def test_it_is_exhausted_when_the_next_trials_promise_less_than_asked_for(patient, make_trial) -> None:
    growing = [0.5 + 0.02 * number for number in range(FEWEST)]
    flat = [0.5, 0.505, *[0.505] * (FEWEST - 2)]
    assert not Patience.of(patient(), curve(make_trial, growing)).is_exhausted
    assert Patience.of(patient(), curve(make_trial, flat)).is_exhausted
    assert not Patience.of(patient(min_gain=0.005), curve(make_trial, flat)).is_exhausted
    assert not Patience.of(patient(), curve(make_trial, flat[:-1])).is_exhausted  # too few to tell
    assert not Patience.of(patient(trials=100, patience=None), curve(make_trial, flat)).is_exhausted


def test_nothing_but_failures_end_it(patient) -> None:
    failed = [
        Trial(number, Recipe(), {}, "teacher", 0.0, Result(number, 0.0, 1.0, Failed("no"))) for number in range(FEWEST)
    ]
    patience = Patience.of(patient(), failed)
    assert (patience.is_exhausted, patience.forecast, patience.words) == (True, None, "")


def test_it_says_how_much_may_come(patient, make_trial) -> None:
    patience = Patience.of(patient(), curve(make_trial, [0.5, 0.55, *[0.55] * (FEWEST - 2)]))
    assert patience.words == "next 10 trials: at most about +5.3%"
    assert Patience.of(patient(), curve(make_trial, [0.5, 0.6])).words == ""


def test_a_queue_gives_out_no_more_when_patience_is_at_its_end(patient, folder) -> None:
    queue = StudyQueue(Study(patient(), folder))
    same, given = {"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0}, 0
    while (trial := queue.next()) is not None:
        queue.finish(complete(trial.number, 1.0, 2.0, same))
        given += 1
    assert given == FEWEST
    assert queue.exhausted
    assert StudyQueue(Study(patient(), folder)).exhausted  # also when it is resumed
