import pytest

from search.source import TrialSource
from search.spending import Spending
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


class Hours:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def spending(self, config, trials):
        return Spending(config, trials, lambda: self.now)

    def ended(self, number: int, started: float) -> Result:
        return Result(number, started, self.now, {"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0})


@pytest.fixture
def hours(monkeypatch) -> Hours:
    clock = Hours()
    monkeypatch.setattr("search.source.Spending", clock.spending)
    return clock


def test_no_trial_starts_when_the_budget_is_used_up_and_those_that_run_are_finished(make_config, folder, hours) -> None:
    study = Study(make_config(search={"trials": None, "budget": "100s"}), folder)
    source = TrialSource(study)
    first, second = source.next(), source.next()
    hours.now = 99
    source.finish(hours.ended(first.number, 0))
    third = source.next()
    hours.now = 100
    assert source.next() is None
    assert not source.exhausted
    hours.now = 300
    source.finish(hours.ended(second.number, 0))
    source.finish(hours.ended(third.number, 99))
    assert source.exhausted
    assert study.standing.complete == 3


def test_resuming_goes_on_with_what_is_left(make_config, folder, hours) -> None:
    config = make_config(search={"trials": None, "budget": "100s"})
    source = TrialSource(Study(config, folder))
    first, left = source.next(), source.next()
    hours.now = 60
    source.finish(hours.ended(first.number, 0))
    hours.now = 10_000  # the driver is gone, and comes back much later
    source = TrialSource(Study(config, folder))
    assert source.next().number == left.number
    assert source.next().number == 2
    hours.now = 10_039
    source.finish(hours.ended(left.number, 10_000))
    assert source.next().number == 3
    hours.now = 10_040
    assert source.next() is None
    for number in (2, 3):
        source.finish(hours.ended(number, 10_000))
    assert TrialSource(Study(config, folder)).exhausted
    more = make_config(search={"trials": None, "budget": "101s"})
    assert TrialSource(Study(more, folder)).next().number == 4


def test_work_is_counted_by_what_a_trial_holds(make_config, folder, hours) -> None:
    config = make_config(search={"trials": None, "budget": "100 cpu-s"}, cluster={"cpus_per_trial": 4})
    source = TrialSource(Study(config, folder))
    trial = source.next()
    hours.now = 24
    assert source.next() is not None
    hours.now = 25
    assert source.next() is None
    source.finish(hours.ended(trial.number, 0))
    assert source.next() is None


def test_the_number_of_trials_ends_a_sweep_before_its_budget_does(make_config, folder, hours) -> None:
    source = TrialSource(Study(make_config(search={"trials": 1, "budget": "1h"}), folder))
    source.finish(hours.ended(source.next().number, 0))
    assert source.exhausted
