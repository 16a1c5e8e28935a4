import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.config.sweep_config import parse_config
from search.study.study import Study
from search.study.trial import Result
from search.study.workspace import SweepFolder
from search.suggest.budget_tracker import Spending
from search.suggest.costs import Costs
from search.suggest.in_flight import Flight
from search.suggest.queue import TrialSource
from tests.search.conftest import SMALL, merge
from tests.search.simulator import Simulator, chain


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


@pytest.fixture
def simulate(analytic, make_config, folder):
    """Run a sweep of stages that only take virtual time."""

    def run(slots: int, sharing: bool = True, **search) -> tuple[Simulator, Study]:
        simulator = Simulator(slots, lambda recipe: analytic(recipe).measurement.metrics)
        study = Study(make_config(search={"trials": 24, **search}), folder)
        simulator.run(TrialSource(study, [], Flight(chain, simulator.stored, Costs()) if sharing else None))
        return simulator, study

    return run


def test_nobody_waits_for_what_another_computes(simulate, folder) -> None:
    simulator, study = simulate(4)
    assert study.standing.complete == 24
    assert set(simulator.built.values()) == {1}
    assert simulator.waiting_s == 0


def test_without_looking_ahead_workers_wait_for_each_other_and_slots_stand_idle(simulate, folder) -> None:
    unaware, _ = simulate(4, sharing=False)
    assert unaware.waiting_s > 60  # three wait for the teacher at least
    folder.journal.unlink()
    in_order, _ = simulate(4, lookahead=1, leaves=False)
    folder.journal.unlink()
    ahead, _ = simulate(4, lookahead=16, leaves=False)
    assert ahead.waiting_s == in_order.waiting_s == 0
    assert ahead.idle_s < in_order.idle_s


def test_while_the_teacher_is_trained_everything_else_is_blocked(make_config, folder) -> None:
    stored: set[str] = set()
    source = TrialSource(Study(make_config(), folder), [], Flight(chain, stored.__contains__, Costs()))
    teacher = source.next()
    for _ in range(3):
        assert source.next() is None
        assert source.blocked
    assert not source.exhausted
    stored |= {link.key for link in chain(teacher.recipe)}
    assert source.next().number == 1
    assert not source.blocked


def test_what_a_dead_worker_was_computing_is_free_at_once(make_config, folder) -> None:
    source = TrialSource(Study(make_config(), folder), [], Flight(chain, lambda key: False, Costs()))
    teacher = source.next()
    source.lose(teacher, "the worker died", 5.0)
    assert source.next() == teacher


def test_suggestions_that_wait_are_not_on_record(make_config, folder) -> None:
    study = Study(make_config(search={"lookahead": 8}), folder)
    source = TrialSource(study, [], Flight(chain, lambda key: True, Costs()))
    source.next()
    source.next()
    assert len(study.trials) == 2
    assert len(Study(study.config, folder).trials) == 2


def test_who_proposed_a_trial_is_on_record(simulate, folder) -> None:
    _, study = simulate(1)
    by = [trial.proposed for trial in study.trials]
    assert by[0] == "baseline"
    assert set(by[1:]) == {"sampler", "leaf"}
    assert [trial.proposed for trial in Study(study.config, folder).trials] == by


def test_no_leaves_where_they_are_switched_off(simulate) -> None:
    _, study = simulate(2, leaves=False)
    assert {trial.proposed for trial in study.trials[1:]} == {"sampler"}


def test_one_slot_and_the_same_seed_propose_the_same(simulate, folder) -> None:
    runs = []
    for _ in range(2):
        runs.append([trial.recipe for trial in simulate(1)[0].begun])
        folder.journal.unlink()
    assert runs[0] == runs[1]


@settings(max_examples=8, deadline=None)
@given(
    slots=st.integers(1, 5),
    seed=st.integers(0, 1000),
    lookahead=st.sampled_from([None, 1, 6]),
    deaths=st.sets(st.integers(0, 30), max_size=6),
)
def test_whatever_dies_nothing_is_computed_twice_and_every_trial_ends(slots, seed, lookahead, deaths) -> None:
    stage = iter(range(10**6))
    search = {"sampler": "random", "trials": 12, "seed": seed, "lookahead": lookahead}
    config = parse_config(merge(SMALL, {"search": search}))
    simulator = Simulator(
        slots,
        lambda recipe: {"accuracy": 1 - 0.01 * len(recipe.steps), "latency_ms": 1.0, "size_mb": 4 - len(recipe.steps)},
        dies=lambda trial, link: next(stage) in deaths,
    )
    with tempfile.TemporaryDirectory() as folder:
        study = Study(config, SweepFolder(Path(folder)))
        simulator.run(TrialSource(study, [], Flight(chain, simulator.stored, Costs())))
        trials = study.trials
    assert set(simulator.built.values()) <= {1}
    assert simulator.waiting_s == 0
    assert len(trials) == len({trial.recipe.digest for trial in trials}) == 12
    assert all(trial.result for trial in trials)


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
    monkeypatch.setattr("search.suggest.queue.Spending", clock.spending)
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
