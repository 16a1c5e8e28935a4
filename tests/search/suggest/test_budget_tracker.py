from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.study.outcome import Failed
from search.study.trial import ELSEWHERE, Result, Trial
from search.suggest.budget_tracker import BudgetTracker
from spaces import Recipe

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda span: (span[0], sum(span))), max_size=12)
ONCE = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ended(number: int, start: float, end: float) -> Trial:
    return Trial(number, Recipe(), {}, "teacher", 0.0, Result(number, start, end, Failed("no")))


@pytest.fixture
def budgeted(make_config):
    """The small sweep with a budget; a trial has two processors and half a GPU."""

    def make(budget: str | None, trials: int | None = None):
        return make_config(
            search={"trials": trials, "budget": budget}, cluster={"cpus_per_trial": 2, "gpus_per_trial": 0.5}
        )

    return make


@ONCE
@given(spans=SPANS, running=st.lists(st.integers(0, 80), max_size=3))
def test_it_is_what_counting_every_second_gives(budgeted, spans, running) -> None:
    trials = [ended(number, *span) for number, span in enumerate(spans)]
    both = [*spans, *((since, 80) for since in running)]
    busy = {second for start, end in both for second in range(start, end)}
    work = sum(end - start for start, end in both)
    for budget, used in (("50s", len(busy)), ("600 cpu-s", 2 * work), ("100 gpu-s", work / 2)):
        budget_tracker = BudgetTracker(budgeted(budget), trials, lambda: 80.0)
        for number, since in enumerate(running):
            budget_tracker.begin(100 + number, since)
        assert budget_tracker.used_s == used
        assert budget_tracker.left_s == max(0, int(budget.split()[0].strip("s")) - used)
        assert budget_tracker.is_used_up == (budget_tracker.left_s == 0)


def test_a_trial_that_an_earlier_driver_left_counts_from_when_it_is_taken_up_again(budgeted, make_trial) -> None:
    budget_tracker = BudgetTracker(budgeted("1h"), [ended(0, 0, 60), make_trial(1)], lambda: 1000.0)
    assert budget_tracker.used_s == 60
    budget_tracker.begin(1, 940.0)
    assert budget_tracker.used_s == 120
    budget_tracker.finished(ended(1, 950.0, 990.0), None)
    assert budget_tracker.used_s == 100
    assert budget_tracker.progress == "1m40s of 1h"


def test_how_soon_it_ends(budgeted) -> None:
    wall = BudgetTracker(budgeted("1h"), [ended(0, 0, 60)], lambda: 60.0)
    assert wall.left_wall_s == 3540
    work = BudgetTracker(budgeted("1 cpu-hour"), [ended(0, 0, 60)], lambda: 60.0)
    assert work.left_wall_s == float("inf")  # nothing runs
    work.begin(1, 60.0)
    work.begin(2, 60.0)
    assert work.left_wall_s == (3600 - 120) / 4
    assert work.progress == "0.0 of 1 cpu-hour"


def test_without_a_budget_nothing_is_used_up(budgeted) -> None:
    budget_tracker = BudgetTracker(budgeted(None, trials=5), [ended(0, 0, 10**9)])
    assert (budget_tracker.is_used_up, budget_tracker.progress, budget_tracker.left_wall_s) == (False, "", float("inf"))


@pytest.mark.parametrize(("budget", "used"), [("1h", 60), ("1 cpu-hour", 120)], ids=["wall", "work"])
def test_a_file_that_is_measured_elsewhere_costs_nothing(budgeted, budget: str, used: int) -> None:
    """Its worker is free after a minute; the measurement arrives after an hour, and maybe under another driver."""
    made = Result(0, 0.0, 60.0, Failed("no"))
    later = Trial(0, Recipe(), {}, "t", 0.0, replace(made, finished=3660.0, seconds={ELSEWHERE: 3600.0}))
    tracker = BudgetTracker(budgeted(budget), (), lambda: 3660.0)
    tracker.begin(0, 0.0)
    tracker.built(made)
    assert tracker.used_s == used
    tracker.begin(0, 3000.0)  # given out again, only to be measured
    tracker.built(made)
    assert tracker.used_s == used
    tracker.finished(later, None)
    assert tracker.used_s == used
    assert BudgetTracker(budgeted(budget), [later], lambda: 3660.0).used_s == used
