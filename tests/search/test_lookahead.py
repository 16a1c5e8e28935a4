from collections.abc import Sequence

import pytest

from pipelines import Link
from search.costs import Costs
from search.flight import Flight
from search.lookahead import Lookahead
from search.proposal import Proposal
from search.trial import Trial
from spaces import Recipe
from spaces.recipe import Step


def recipe(name: str) -> Recipe:
    return Recipe((Step(name, ()),))


@pytest.fixture
def flight() -> Flight:
    """Every recipe has one stage, called like its step; its seconds are the number after the letter."""
    costs = Costs()
    for letter in "abcdef":
        for seconds in range(1, 10):
            costs.add(f"{letter}{seconds}", float(seconds))

    def chain(given: Recipe) -> tuple[Link, ...]:
        return (Link(given.steps[0].name, given.steps[0].name[0]),)

    return Flight(chain, lambda key: False, costs)


@pytest.fixture
def make_queue(flight):
    def make(names: Sequence[str]) -> Lookahead:
        left = [Proposal(recipe(name), {}, "sampler") for name in names]
        return Lookahead(lambda: left.pop(0) if left else None, flight)

    return make


def taken(queue: Lookahead, length: int) -> list[str]:
    found = []
    while proposal := queue.take(length):
        found.append(proposal.recipe.steps[0].name)
    return found


def test_the_cheapest_of_so_many_goes_first(make_queue) -> None:
    assert taken(make_queue(["a3", "b1", "c2", "d1"]), 3) == ["b1", "d1", "c2", "a3"]


def test_a_queue_of_one_keeps_the_order(make_queue) -> None:
    assert taken(make_queue(["a3", "b1", "c2"]), 1) == ["a3", "b1", "c2"]


def test_equal_ones_keep_their_order(make_queue) -> None:
    assert taken(make_queue(["a2", "b2", "c2"]), 3) == ["a2", "b2", "c2"]


def test_no_suggestion_is_passed_over_more_often_than_the_queue_is_long(make_queue) -> None:
    cheap = [f"{letter}1" for letter in "bcdef" * 4]
    assert taken(make_queue(["a9", *cheap]), 3).index("a9") == 3


def test_what_is_blocked_stays_until_it_is_free(make_queue, flight) -> None:
    queue = make_queue(["a1", "a2", "b3"])
    out = Trial(0, recipe("a5"), {}, "", 0.0)
    flight.depart(out)
    assert taken(queue, 3) == ["b3"]
    assert len(queue) == 2
    flight.land(out)
    assert taken(queue, 3) == ["a1", "a2"]
    assert len(queue) == 0
