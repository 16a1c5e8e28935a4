import pytest

from pipelines import StageKey
from search.suggest.costs import MEASURE, Costs
from search.suggest.in_flight import InFlight
from spaces import Recipe
from tests.search.simulator import chain

PRUNED = [{"prune": {"method": "channel", "ratio": 0.5}}]
QUANTIZED = [*PRUNED, {"quantize": {"scheme": "static-int8"}}]


@pytest.fixture
def stored() -> set[str]:
    return set()


@pytest.fixture
def in_flight(stored) -> InFlight:
    costs = Costs()
    for name, seconds in (("teacher", 60.0), ("prune", 10.0), ("export", 1.0), ("pack", 1.0), (MEASURE, 2.0)):
        costs.add(name, seconds)
    return InFlight(chain, stored.__contains__, costs)


def test_what_is_missing_is_all_that_the_store_does_not_have(in_flight, stored, make_trial) -> None:
    recipe = make_trial(1, recipe=PRUNED).recipe
    assert [link.name for link in in_flight.missing(recipe)] == ["teacher", "prune", "export", "pack", "export", "pack"]
    stored |= {link.key for link in chain(Recipe())}
    assert [link.name for link in in_flight.missing(recipe)] == ["prune", "export", "pack"]


def test_the_price_is_what_is_missing_and_measuring(in_flight, stored, make_trial) -> None:
    recipe = make_trial(1, recipe=PRUNED).recipe
    assert in_flight.seconds(recipe) == 60 + 10 + 1 + 1 + 1 + 1 + 2
    stored |= {link.key for link in chain(recipe)}
    assert in_flight.seconds(recipe) == 2


def test_a_stage_that_was_never_computed_counts_like_the_middle_one(in_flight, stored, make_trial) -> None:
    recipe = make_trial(1, recipe=QUANTIZED).recipe
    stored |= {link.key for link in chain(recipe) if link.name != "quantize"}
    assert in_flight.seconds(recipe) == 2 + 2
    assert InFlight(chain, stored.__contains__, Costs()).seconds(recipe) == 0


def test_what_a_trial_computes_is_in_flight_until_it_is_stored(in_flight, stored, make_trial) -> None:
    first, second = make_trial(1, recipe=PRUNED), make_trial(2, recipe=QUANTIZED)
    assert in_flight.free(second.recipe)
    in_flight.claim(first)
    assert not in_flight.free(second.recipe)
    stored |= {link.key for link in chain(first.recipe)}
    assert in_flight.free(second.recipe)


def test_a_trial_that_has_ended_without_its_stages_leaves_them_to_others(in_flight, make_trial) -> None:
    first, second = make_trial(1, recipe=PRUNED), make_trial(2, recipe=QUANTIZED)
    in_flight.claim(first)
    in_flight.release(first)
    assert in_flight.free(second.recipe)


def test_trials_that_share_nothing_that_is_missing_go_side_by_side(in_flight, stored, make_trial) -> None:
    stored |= {link.key for link in chain(Recipe())}
    in_flight.claim(make_trial(1, recipe=PRUNED))
    assert in_flight.free(make_trial(2, recipe=[{"prune": {"method": "channel", "ratio": 0.25}}]).recipe)


def test_what_the_store_has_dropped_is_missing_again_when_a_trial_has_ended(in_flight, stored, make_trial) -> None:
    trial = make_trial(1, recipe=PRUNED)
    stored |= {link.key for link in chain(trial.recipe)}
    assert in_flight.missing(trial.recipe) == ()
    stored.clear()
    in_flight.release(trial)
    assert len(in_flight.missing(trial.recipe)) == len(chain(trial.recipe))


def test_a_chain_is_computed_once_and_one_that_cannot_be_blocks_nothing(make_trial) -> None:
    asked = []

    def broken(recipe: Recipe) -> tuple[StageKey, ...]:
        asked.append(recipe)
        raise RuntimeError("the task cannot be loaded here")

    in_flight, trial = InFlight(broken, lambda key: False, Costs()), make_trial(1, recipe=PRUNED)
    assert in_flight.missing(trial.recipe) == in_flight.missing(trial.recipe) == ()
    in_flight.claim(trial)
    assert in_flight.free(trial.recipe)
    assert asked.count(trial.recipe) == 1


def test_a_student_that_takes_nothing_from_the_teacher_begins_beside_it(make_trial) -> None:
    """It is compared with the teacher in the end, and does not claim what the teacher's own trial computes."""
    alone = make_trial(1, recipe=[{"distil": {"depth": 1, "alpha": 0}}])
    taught = make_trial(2, recipe=[{"distil": {"depth": 1, "alpha": 0.5}}])
    teacher = (StageKey("teacher", "t"), StageKey("export", "e"))

    def links(recipe: Recipe) -> tuple[StageKey, ...]:
        own = (StageKey("distil", recipe.digest),) if recipe.steps else ()
        return own + teacher if recipe == alone.recipe else tuple(dict.fromkeys((teacher[0], *own, *teacher)))

    in_flight = InFlight(links, lambda key: False, Costs())
    in_flight.claim(make_trial(0))
    assert in_flight.free(alone.recipe)
    assert not in_flight.free(taught.recipe)
    in_flight.release(make_trial(0))
    in_flight.claim(alone)
    assert in_flight.free(Recipe())
    assert not in_flight.free(alone.recipe)


def test_a_trial_whose_networks_are_there_trains_nothing(in_flight, stored, make_trial) -> None:
    recipe = make_trial(1, recipe=QUANTIZED).recipe
    assert in_flight.trains(recipe)
    stored |= {link.key for link in chain(recipe) if link.name in ("teacher", "prune")}
    assert not in_flight.trains(recipe)
    assert InFlight(lambda recipe: (), lambda key: True, Costs()).trains(recipe)  # nobody knows
