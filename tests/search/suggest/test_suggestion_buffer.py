from collections.abc import Sequence

import pytest

from pipelines import StageKey
from search.study.proposal import Proposal
from search.study.trial import Trial
from search.suggest.costs import Costs
from search.suggest.in_flight import InFlight
from search.suggest.suggestion_buffer import SuggestionBuffer
from spaces import Recipe
from spaces.recipe import Step


def recipe(name: str) -> Recipe:
    return Recipe((Step(name, ()),))


@pytest.fixture
def in_flight() -> InFlight:
    """Every recipe has one stage, called like its step; its seconds are the number after the letter."""
    costs = Costs()
    for letter in "abcdef":
        for seconds in range(1, 10):
            costs.add(f"{letter}{seconds}", float(seconds))

    def chain(given: Recipe) -> tuple[StageKey, ...]:
        return (StageKey(given.steps[0].name, given.steps[0].name[0]),)

    return InFlight(chain, lambda key: False, costs)


@pytest.fixture
def make_queue(in_flight):
    def make(names: Sequence[str]) -> SuggestionBuffer:
        left = [Proposal(recipe(name), {}, "sampler") for name in names]
        return SuggestionBuffer(lambda: left.pop(0) if left else None, in_flight)

    return make


def taken(queue: SuggestionBuffer, length: int) -> list[str]:
    found = []
    while proposal := queue.pop(length):
        found.append(proposal.recipe.steps[0].name)
    return found


def hold(in_flight: InFlight, *letters: str) -> list[Trial]:
    """Trials that are computing what recipes with these letters need."""
    trials = [Trial(number, recipe(f"{letter}1"), {}, "", 0.0) for number, letter in enumerate(letters)]
    for trial in trials:
        in_flight.claim(trial)
    return trials


def test_suggestions_keep_their_order_while_nothing_is_blocked(make_queue) -> None:
    queue = make_queue(["a3", "b1", "c2", "d1"])
    assert taken(queue, 3) == ["a3", "b1", "c2", "d1"]


def test_nothing_is_asked_for_ahead_of_need(make_queue) -> None:
    queue = make_queue(["a3", "b1", "c2"])
    queue.pop(3)
    assert len(queue) == 0


def test_as_many_are_asked_for_as_it_takes_to_find_one_that_is_free(make_queue, in_flight) -> None:
    hold(in_flight, "a")
    queue = make_queue(["a3", "a2", "b9", "c1"])
    assert queue.pop(3).recipe.steps[0].name == "b9"
    assert len(queue) == 2
    assert make_queue(["a3", "a2", "b9"]).pop(2) is None


def test_of_those_that_have_waited_the_cheapest_goes_first(make_queue, in_flight) -> None:
    held = hold(in_flight, "a", "b", "c")
    queue = make_queue(["a3", "b2", "c1", "d5", "e1"])
    assert queue.pop(4).recipe.steps[0].name == "d5"
    for trial in held:
        in_flight.release(trial)
    assert taken(queue, 4) == ["c1", "b2", "a3", "e1"]


def test_equal_ones_keep_their_order(make_queue, in_flight) -> None:
    held = hold(in_flight, "a", "b")
    queue = make_queue(["a2", "b2", "c2"])
    queue.pop(3)
    for trial in held:
        in_flight.release(trial)
    assert taken(queue, 3) == ["a2", "b2"]


def test_what_was_passed_over_as_often_as_the_queue_is_long_goes_first(make_queue, in_flight) -> None:
    held = hold(in_flight, "a", "b")
    queue = make_queue(["a9", "b1", "c1", "d1", "e1"])
    assert [queue.pop(3).recipe.steps[0].name for _ in range(3)] == ["c1", "d1", "e1"]
    for trial in held:
        in_flight.release(trial)
    assert taken(queue, 3) == ["a9", "b1"]


def test_a_queue_of_one_waits_for_its_first(make_queue, in_flight) -> None:
    (held,) = hold(in_flight, "a")
    queue = make_queue(["a3", "b1"])
    assert queue.pop(1) is None
    in_flight.release(held)
    assert taken(queue, 1) == ["a3", "b1"]


def test_what_is_blocked_stays_until_it_is_free(make_queue, in_flight) -> None:
    queue = make_queue(["a1", "a2", "b3"])
    out = Trial(0, recipe("a5"), {}, "", 0.0)
    in_flight.claim(out)
    assert taken(queue, 3) == ["b3"]
    assert len(queue) == 2
    in_flight.release(out)
    assert taken(queue, 3) == ["a1", "a2"]
    assert len(queue) == 0
