import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.config.sweep_config import parse_config
from search.study.study import Study
from search.study.trial import Result
from search.study.workspace import SweepFolder
from search.suggest.budget_tracker import BudgetTracker
from search.suggest.costs import Costs
from search.suggest.in_flight import InFlight
from search.suggest.queue import StudyQueue
from tests.search.conftest import SMALL, merge
from tests.search.results import complete
from tests.search.simulator import Simulator, chain


class Watcher:
    def __init__(self) -> None:
        self.seen = []

    def started(self, trial, state) -> None:
        self.seen.append(("started", trial.number, state.running, state.finished))

    def finished(self, trial, state) -> None:
        self.seen.append((trial.state, trial.number, state.running, state.finished))


@pytest.fixture
def three(make_config):
    return make_config(search={"trials": 3})


def good(number: int) -> Result:
    return complete(number, 1.0, 2.0, {"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0})


def test_as_many_are_given_out_as_were_asked_for(three, folder) -> None:
    watcher = Watcher()
    queue = StudyQueue(Study(three, folder), [watcher])
    given = [queue.next() for _ in range(3)]
    assert [trial.number for trial in given] == [0, 1, 2]
    assert queue.next() is None
    assert queue.out == tuple(given)
    assert not queue.exhausted
    for trial in reversed(given):
        queue.finish(good(trial.number))
    assert queue.out == ()
    assert queue.exhausted
    assert watcher.seen == [
        ("started", 0, 1, 0),
        ("started", 1, 2, 0),
        ("started", 2, 3, 0),
        ("complete", 2, 2, 1),
        ("complete", 1, 1, 2),
        ("complete", 0, 0, 3),
    ]


def test_what_an_earlier_driver_left_comes_first_with_its_parameters(three, folder, ask) -> None:
    earlier = Study(three, folder)
    left = [ask(earlier), ask(earlier)]
    earlier.tell(good(0))
    queue = StudyQueue(Study(three, folder))
    first, second = queue.next(), queue.next()
    assert (first.number, first.recipe, first.params) == (1, left[1].recipe, left[1].params)
    assert second.number == 2
    assert queue.next() is None


def test_a_lost_trial_is_given_out_once_more_and_then_has_failed(three, folder) -> None:
    study = Study(three, folder)
    queue = StudyQueue(study)
    trial = queue.next()
    queue.retry(trial, "the worker died", 5.0)
    assert queue.out == ()
    assert not queue.exhausted
    again = queue.next()
    assert again == trial
    queue.retry(again, "the worker died", 6.0)
    assert (study.trials[0].state, study.trials[0].failure.reason) == ("failed", "the worker died")
    assert queue.next().number == 1


def test_a_lost_trial_that_then_works_is_complete(three, folder) -> None:
    study = Study(three, folder)
    queue = StudyQueue(study)
    queue.retry(queue.next(), "the worker died", 5.0)
    queue.finish(good(queue.next().number))
    assert study.state.complete == 1
    assert study.state.failed == 0


def test_nothing_is_asked_for_when_all_have_finished(three, folder) -> None:
    queue = StudyQueue(Study(three, folder))
    while trial := queue.next():
        queue.finish(good(trial.number))
    again = StudyQueue(Study(three, folder))
    assert again.exhausted
    assert again.next() is None


@pytest.fixture
def simulate(analytic, make_config, folder):
    """Run a sweep of stages that only take virtual time."""

    def run(slots: int, sharing: bool = True, **search) -> tuple[Simulator, Study]:
        simulator = Simulator(slots, lambda recipe: analytic(recipe).measurement.metrics)
        study = Study(make_config(search={"trials": 24, **search}), folder)
        simulator.run(StudyQueue(study, [], InFlight(chain, simulator.stored, Costs()) if sharing else None))
        return simulator, study

    return run


def test_nobody_waits_for_what_another_computes(simulate, folder) -> None:
    simulator, study = simulate(4)
    assert study.state.complete == 24
    assert set(simulator.built.values()) == {1}
    assert simulator.waiting_s == 0


def test_without_looking_ahead_workers_wait_for_each_other_and_slots_stand_idle(simulate, folder) -> None:
    unaware, _ = simulate(4, sharing=False)
    assert unaware.waiting_s > 60  # three wait for the teacher at least
    folder.journal.unlink()
    in_order, _ = simulate(4, lookahead=1, suffix_variants=False)
    folder.journal.unlink()
    ahead, _ = simulate(4, lookahead=16, suffix_variants=False)
    assert ahead.waiting_s == in_order.waiting_s == 0
    assert ahead.idle_s < in_order.idle_s


def test_while_the_teacher_is_trained_everything_else_is_blocked(make_config, folder) -> None:
    stored: set[str] = set()
    queue = StudyQueue(Study(make_config(), folder), [], InFlight(chain, stored.__contains__, Costs()))
    teacher = queue.next()
    for _ in range(3):
        assert queue.next() is None
        assert queue.blocked
    assert not queue.exhausted
    stored |= {link.key for link in chain(teacher.recipe)}
    assert queue.next().number == 1
    assert not queue.blocked


def test_what_a_dead_worker_was_computing_is_free_at_once(make_config, folder) -> None:
    queue = StudyQueue(Study(make_config(), folder), [], InFlight(chain, lambda key: False, Costs()))
    teacher = queue.next()
    queue.retry(teacher, "the worker died", 5.0)
    assert queue.next() == teacher


def test_suggestions_that_wait_are_not_on_record(make_config, folder) -> None:
    study = Study(make_config(search={"lookahead": 8}), folder)
    queue = StudyQueue(study, [], InFlight(chain, lambda key: True, Costs()))
    queue.next()
    queue.next()
    assert len(study.trials) == 2
    assert len(Study(study.config, folder).trials) == 2


def test_who_proposed_a_trial_is_on_record(simulate, folder) -> None:
    _, study = simulate(1)
    by = [trial.proposed for trial in study.trials]
    assert by[0] == "baseline"
    assert set(by[1:]) == {"first", "sampler", "suffix"}
    assert [trial.proposed for trial in Study(study.config, folder).trials] == by


def test_neither_suffix_variants_nor_a_first_batch_where_they_are_switched_off(simulate) -> None:
    _, study = simulate(2, suffix_variants=False, first_batch=False)
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
        simulator.run(StudyQueue(study, [], InFlight(chain, simulator.stored, Costs())))
        trials = study.trials
    assert set(simulator.built.values()) <= {1}
    assert simulator.waiting_s == 0
    assert len(trials) == len({trial.recipe.digest for trial in trials}) == 12
    assert all(trial.result for trial in trials)


class Hours:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def budget_tracker(self, config, trials, clock=None):
        return BudgetTracker(config, trials, lambda: self.now)

    def ended(self, number: int, started: float) -> Result:
        return complete(number, started, self.now, {"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0})


@pytest.fixture
def hours(monkeypatch) -> Hours:
    clock = Hours()
    monkeypatch.setattr("search.suggest.queue.BudgetTracker", clock.budget_tracker)
    return clock


def test_no_trial_starts_when_the_budget_is_used_up_and_those_that_run_are_finished(make_config, folder, hours) -> None:
    study = Study(make_config(search={"trials": None, "budget": "100s"}), folder)
    queue = StudyQueue(study)
    first, second = queue.next(), queue.next()
    hours.now = 99
    queue.finish(hours.ended(first.number, 0))
    third = queue.next()
    hours.now = 100
    assert queue.next() is None
    assert not queue.exhausted
    hours.now = 300
    queue.finish(hours.ended(second.number, 0))
    queue.finish(hours.ended(third.number, 99))
    assert queue.exhausted
    assert study.state.complete == 3


def test_resuming_goes_on_with_what_is_left(make_config, folder, hours) -> None:
    config = make_config(search={"trials": None, "budget": "100s"})
    queue = StudyQueue(Study(config, folder))
    first, left = queue.next(), queue.next()
    hours.now = 60
    queue.finish(hours.ended(first.number, 0))
    hours.now = 10_000  # the driver is gone, and comes back much later
    queue = StudyQueue(Study(config, folder))
    assert queue.next().number == left.number
    assert queue.next().number == 2
    hours.now = 10_039
    queue.finish(hours.ended(left.number, 10_000))
    assert queue.next().number == 3
    hours.now = 10_040
    assert queue.next() is None
    for number in (2, 3):
        queue.finish(hours.ended(number, 10_000))
    assert StudyQueue(Study(config, folder)).exhausted
    more = make_config(search={"trials": None, "budget": "101s"})
    assert StudyQueue(Study(more, folder)).next().number == 4


def test_work_is_counted_by_what_a_trial_holds(make_config, folder, hours) -> None:
    config = make_config(search={"trials": None, "budget": "100 cpu-s"}, cluster={"cpus_per_trial": 4})
    queue = StudyQueue(Study(config, folder))
    trial = queue.next()
    hours.now = 24
    assert queue.next() is not None
    hours.now = 25
    assert queue.next() is None
    queue.finish(hours.ended(trial.number, 0))
    assert queue.next() is None


def test_the_number_of_trials_ends_a_sweep_before_its_budget_does(make_config, folder, hours) -> None:
    queue = StudyQueue(Study(make_config(search={"trials": 1, "budget": "1h"}), folder))
    queue.finish(hours.ended(queue.next().number, 0))
    assert queue.exhausted


def test_a_trial_that_is_taken_back_was_never_given_out(three, folder) -> None:
    watcher = Watcher()
    queue = StudyQueue(Study(three, folder), [watcher])
    for _ in range(5):
        trial = queue.next()
        assert trial.number == 0
        queue.requeue(trial)
        assert queue.out == ()
        assert not queue.exhausted
    queue.retry(queue.next(), "it died", 3.0)
    queue.retry(queue.next(), "it died", 3.0)
    assert watcher.seen[-1] == ("failed", 0, 0, 1)
