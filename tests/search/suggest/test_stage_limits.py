from search.suggest.costs import Costs, Spread
from search.suggest.stage_limits import LEAST_S, UNLIMITED, StageLimits


def costs(**seconds: list[float]) -> Costs:
    found = Costs()
    for name, each in seconds.items():
        for one in each:
            found.add(name, one)
    return found


def test_a_stage_has_so_many_times_what_the_most_that_is_known_lets_expect() -> None:
    limits = StageLimits(5, {"teacher": Spread(90, 100, 110, 3), "prune": Spread(10, 20, 30, 3)})
    assert limits.seconds(costs()) == {"teacher": 550, "prune": 150}
    assert limits.seconds(costs(prune=[40], export=[1])) == {"teacher": 550, "prune": 200, "export": LEAST_S}


def test_nothing_is_bounded_unless_it_is_asked_for() -> None:
    assert UNLIMITED.seconds(costs(prune=[40])) == {}
