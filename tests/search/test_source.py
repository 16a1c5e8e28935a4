import pytest

from search.source import TrialSource
from search.study import Study
from search.trial import Result


class Watcher:
    def __init__(self) -> None:
        self.seen = []

    def started(self, trial, standing) -> None:
        self.seen.append(("started", trial.number, standing.running, standing.finished))

    def finished(self, trial, standing) -> None:
        self.seen.append((trial.state, trial.number, standing.running, standing.finished))


@pytest.fixture
def three(make_config):
    return make_config(search={"trials": 3})


def good(number: int) -> Result:
    return Result(number, 1.0, 2.0, {"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0})


def test_as_many_are_given_out_as_were_asked_for(three, folder) -> None:
    watcher = Watcher()
    source = TrialSource(Study(three, folder), [watcher])
    given = [source.next() for _ in range(3)]
    assert [trial.number for trial in given] == [0, 1, 2]
    assert source.next() is None
    assert source.out == tuple(given)
    assert not source.exhausted
    for trial in reversed(given):
        source.finish(good(trial.number))
    assert source.out == ()
    assert source.exhausted
    assert watcher.seen == [
        ("started", 0, 1, 0),
        ("started", 1, 2, 0),
        ("started", 2, 3, 0),
        ("complete", 2, 2, 1),
        ("complete", 1, 1, 2),
        ("complete", 0, 0, 3),
    ]


def test_what_an_earlier_driver_left_comes_first_with_its_parameters(three, folder) -> None:
    earlier = Study(three, folder)
    left = [earlier.ask(), earlier.ask()]
    earlier.tell(good(0))
    source = TrialSource(Study(three, folder))
    first, second = source.next(), source.next()
    assert (first.number, first.recipe, first.params) == (1, left[1].recipe, left[1].params)
    assert second.number == 2
    assert source.next() is None


def test_a_lost_trial_is_given_out_once_more_and_then_has_failed(three, folder) -> None:
    study = Study(three, folder)
    source = TrialSource(study)
    trial = source.next()
    source.lose(trial, "the worker died", 5.0)
    assert source.out == ()
    assert not source.exhausted
    again = source.next()
    assert again == trial
    source.lose(again, "the worker died", 6.0)
    assert (study.trials[0].state, study.trials[0].result.reason) == ("failed", "the worker died")
    assert source.next().number == 1


def test_a_lost_trial_that_then_works_is_complete(three, folder) -> None:
    study = Study(three, folder)
    source = TrialSource(study)
    source.lose(source.next(), "the worker died", 5.0)
    source.finish(good(source.next().number))
    assert study.standing.complete == 1
    assert study.standing.failed == 0


def test_nothing_is_asked_for_when_all_have_finished(three, folder) -> None:
    source = TrialSource(Study(three, folder))
    while trial := source.next():
        source.finish(good(trial.number))
    again = TrialSource(Study(three, folder))
    assert again.exhausted
    assert again.next() is None


def test_a_trial_that_is_taken_back_was_never_given_out(three, folder) -> None:
    watcher = Watcher()
    source = TrialSource(Study(three, folder), [watcher])
    for _ in range(5):
        trial = source.next()
        assert trial.number == 0
        source.take_back(trial)
        assert source.out == ()
        assert not source.exhausted
    source.lose(source.next(), "it died", 3.0)
    source.lose(source.next(), "it died", 3.0)
    assert watcher.seen[-1] == ("failed", 0, 0, 1)
