from dataclasses import replace

import pytest

from search.config.sweep_config import SweepConfig
from search.replay.recorded import Recorded
from search.replay.replay import as_it_was, changed, replay, replay_all, slots_of
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.trial import Trial
from spaces import InputError, Recipe
from tests.search.results import complete


@pytest.fixture(scope="module")
def world(sweep) -> Recorded:
    """One for all tests: its forests grow once, and what it supposes once it keeps."""
    return Recorded(sweep)


def searched(sweep, **search) -> SweepConfig:
    """The sweep's file with another section ``search``."""
    return replace(sweep.config, search=sweep.config.search.model_copy(update=search))


def test_the_same_search_finds_what_the_sweep_found(sweep, world) -> None:
    curve = replay(world, searched(sweep, trials=7), slots=1)
    assert len(curve.points) == len(curve.trials) == 7
    assert curve.points[0] == as_it_was(sweep).points[0]
    assert curve.supposed < 7
    hypervolumes = [point.hypervolume for point in curve.points]
    assert hypervolumes == sorted(hypervolumes)
    assert 1 <= curve.reached(0.5) <= curve.reached(0.99) <= curve.reached(1.0) <= 7


def test_without_an_order_slots_wait_for_each_other(sweep, world) -> None:
    curve = replay(world, searched(sweep, trials=4), 2, orders=False)
    assert curve.waiting_s > 0
    assert curve.twice == 0


def test_it_is_the_same_each_time(sweep, world) -> None:
    config = searched(sweep, trials=4)
    assert replay(world, config, slots=2) == replay(world, config, slots=2)


def test_a_replay_of_other_seeds_counts_its_trials(sweep, world) -> None:
    told = []
    curves = replay_all(world, searched(sweep, trials=3), 2, 2, lambda done, total: told.append((done, total)))
    assert told == [(number, 6) for number in range(1, 7)]
    assert len({curve.points for curve in curves}) > 1


def test_a_budget_is_of_virtual_time(sweep, make_config, world) -> None:
    once = replay(world, searched(sweep, trials=6), slots=1).last.wall_s
    config = make_config(search={"trials": 100, "budget": f"{once / 2}s"})
    assert 0 < len(replay(world, config, slots=1).points) < 6


def test_only_how_is_searched_may_change(sweep) -> None:
    assert changed(sweep.config, ["search.trials=7"]).search.trials == 7
    assert sweep.config.search.trials == 12
    with pytest.raises(InputError, match="a replay changes how is searched, not what; legal sections: search, cluster"):
        changed(sweep.config, ["training.student_epochs=7"])


def spans(config, *times: tuple[float, float]) -> Sweep:
    """A sweep whose trials began and ended at `times`."""
    metrics = {"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0}
    trials = [
        Trial(number, Recipe(), {}, "", 0.0, complete(number, *span, metrics)) for number, span in enumerate(times)
    ]
    return Sweep(config, tuple(trials), SweepState.of(trials, config))


def test_the_time_in_which_nothing_ran_does_not_count(config) -> None:
    curve = as_it_was(spans(config, (0.0, 10.0), (5.0, 20.0), (100.0, 130.0)))
    assert [point.wall_s for point in curve.points] == [10.0, 20.0, 50.0]


@pytest.mark.parametrize(
    ("times", "most"), [([(0, 10)], 1), ([(0, 10), (10, 20)], 1), ([(0, 10), (5, 20), (9, 12), (11, 30)], 3)]
)
def test_as_many_as_ran_at_once(config, times, most) -> None:
    assert slots_of(spans(config, *times)) == most
