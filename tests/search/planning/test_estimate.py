from dataclasses import replace

import pytest

from search.planning.estimate import Estimate, Range, at_once
from search.planning.timings import Timings
from search.planning.workload import Kind, Workload
from search.suggest.costs import Spread


def one(seconds: float) -> Spread:
    return Spread(seconds, seconds, seconds, 1)


# The teacher and five recipes; see test_workload, which counts the same by hand.
WORKLOAD = Workload(
    5,
    5,
    (
        Kind("teacher", 20, 6, {5: 1}, {}, 1.0),
        Kind("prune", 5, 4, {2: 2}, {}, 4 / 6),
        Kind("export", None, 6, {5: 1, 2: 2}, {5: 1}, 1.0),
        Kind("quantize", None, 3, {1: 3}, {}, 0.5),
    ),
    frozenset(),
    {},
)
SECONDS = {"teacher": one(100), "prune": one(10), "export": one(1), "quantize": one(2)}
TIMINGS = Timings(SECONDS, frozenset(), alone=one(3), beside=one(4))


@pytest.fixture
def two_at_once(monkeypatch):
    monkeypatch.setattr("search.planning.estimate.processors", lambda: 2)


def test_three_trials_by_hand(make_config, two_at_once) -> None:
    found = Estimate.of(make_config(), WORKLOAD, TIMINGS, most=3, usual=40)
    assert (found.trials, found.unknown, found.in_budget, found.at_once) == (3, (), None, 2)
    # Two of five recipes: 2 prunings and 2 exports with a probability of 7/10 each (the teacher's export is stored),
    # 3 quantizations with one of 2/5.
    computing = 100 + 2 * 0.7 * 10 + 2 * 0.7 * 1 + 3 * 0.4 * 2
    work = computing + 3 * (3 + 4)
    assert found.work_s.likely == pytest.approx(work)
    # All wait for the teacher, and no two measure at once; the rest goes two by two.
    assert found.wall_s.likely == pytest.approx(100 + 9 + (work - 109) / 2)
    assert found.unshared_s.likely == pytest.approx(3 * (100 + 10 * 4 / 6 + 1 + 2 / 2 + 7))
    export = found.stages[2]
    assert (export.recipes, export.distinct) == (6, 3)
    assert (export.results, export.missing) == pytest.approx((2.4, 1.4))
    assert export.seconds.likely == pytest.approx(1.4)


def test_counts_of_recipes_that_were_drawn_are_for_all_there_are(make_config, two_at_once) -> None:
    found = Estimate.of(make_config(), WORKLOAD, TIMINGS, most=3, usual=40)
    assert (found.recipes, found.looked_at, found.is_sampled) == (6, 6, False)
    drawn = Estimate.of(make_config(), replace(WORKLOAD, among=599), TIMINGS, most=3, usual=40)
    assert (drawn.recipes, drawn.looked_at, drawn.is_sampled) == (600, 6, True)
    assert [stage.recipes for stage in drawn.stages] == [600, 400, 600, 300]
    assert [stage.distinct for stage in drawn.stages] == [stage.distinct for stage in found.stages]


def test_quartiles_make_a_range(make_config, two_at_once) -> None:
    timings = Timings({**SECONDS, "teacher": Spread(80, 100, 150, 9)}, frozenset({"teacher"}), one(3), one(4))
    found = Estimate.of(make_config(), WORKLOAD, timings, most=3, usual=40)
    assert found.work_s.likely - found.work_s.low == pytest.approx(20)
    assert found.work_s.high - found.work_s.likely == pytest.approx(50)
    assert found.unshared_s.high - found.unshared_s.low == pytest.approx(3 * 70)
    assert found.stages[0].scaled
    assert found.stages[0].seconds == Range(80, 100, 150)


def test_what_is_not_known_is_named_and_counts_as_nothing(make_config, two_at_once) -> None:
    timings = Timings({"teacher": one(100), "export": one(1)})
    found = Estimate.of(make_config(search={"budget": "1h"}), WORKLOAD, timings, most=3, usual=40)
    assert found.unknown == ("prune", "quantize", "measuring")
    assert found.work_s.likely == pytest.approx(100 + 1.4)
    assert (found.in_budget, found.stages[1].seconds) == (None, None)


@pytest.mark.parametrize(
    ("budget", "cpus", "trials"),
    [
        ("100s", 1, 1),  # the teacher, which is finished though it takes longer
        ("109s", 1, 2),
        ("1h", 1, 6),  # all there are
        ("100 cpu-s", 1, 1),
        ("1 cpu-hours", 1, 6),
    ],
)
def test_a_budget_is_good_for_so_many_trials(make_config, two_at_once, budget, cpus, trials) -> None:
    config = make_config(search={"trials": None, "budget": budget}, cluster={"cpus_per_trial": cpus})
    found = Estimate.of(config, WORKLOAD, TIMINGS, most=6, usual=40)
    assert found.trials == trials
    assert found.in_budget == Range(trials, trials, trials)


def test_the_last_trial_that_a_budget_lets_start_is_the_first_that_uses_it_up(make_config, two_at_once) -> None:
    def wall_s(trials: int) -> float:
        return Estimate.of(make_config(), WORKLOAD, TIMINGS, most=trials, usual=40).wall_s.likely

    for seconds in range(105, 160, 5):
        config = make_config(search={"trials": None, "budget": f"{seconds}s"})
        good_for = Estimate.of(config, WORKLOAD, TIMINGS, most=6, usual=40).trials
        assert good_for == next((n for n in range(1, 7) if wall_s(n) >= seconds), 6)


def test_faster_work_is_more_trials(make_config, two_at_once) -> None:
    timings = Timings(SECONDS, frozenset(), alone=Spread(1, 3, 20, 5), beside=one(4))
    config = make_config(search={"trials": None, "budget": "130s"})
    found = Estimate.of(config, WORKLOAD, timings, most=6, usual=40)
    assert found.in_budget.low < found.in_budget.likely < found.in_budget.high
    assert found.trials == found.in_budget.likely
    assert not found.is_capped
    assert Estimate.of(make_config(search={"trials": None, "budget": "9h"}), WORKLOAD, timings, 10**6, 40).is_capped


def test_how_many_run_at_once(make_config, monkeypatch) -> None:
    monkeypatch.setattr("search.planning.estimate.processors", lambda: 8)
    monkeypatch.setattr("search.planning.estimate.offered_memory", lambda: 10**10)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)

    def many(**cluster) -> int | None:
        return at_once(make_config(cluster=cluster).cluster)

    assert many() == 8
    assert many(cpus_per_trial=3) == 2
    assert many(cpus_per_trial=9) == 1
    assert many(gpus_per_trial=0.5) == 4
    assert many(max_concurrent_trials=3) == 3
    assert many(memory_per_trial="3GB") == 3
    assert many(memory_per_trial="1GB") == 8
    assert many(address="auto") is None
    assert many(address="auto", max_concurrent_trials=3) == 3
