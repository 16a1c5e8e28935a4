from collections import deque

import pytest

from search.replay.machine import Machine
from search.study.trial import Trial
from spaces import Recipe
from tests.search.replay.worlds import MEASURING, SECONDS, Flat


class Fixed:
    """A queue that gives out one recipe so many times, whether that makes others wait or not."""

    def __init__(self, count: int) -> None:
        self._left = deque(Trial(number, Recipe(), {}, "", 0.0) for number in range(count))
        self.results = []

    def next(self):
        return self._left.popleft() if self._left else None

    def finish(self, result) -> None:
        self.results.append(result)

    @property
    def exhausted(self) -> bool:
        return not self._left


@pytest.fixture
def world(analytic):
    return Flat(lambda recipe: analytic(recipe).measurement.metrics)


def test_stages_take_their_seconds_once_and_measuring_each_time(world) -> None:
    machine, queue, ends = Machine(world, slots=1), Fixed(3), []
    machine.run(queue, lambda: ends.append(machine.now))
    stages = len(world.chain(Recipe()))
    first = stages * SECONDS + MEASURING
    assert ends == [first, first + MEASURING, first + 2 * MEASURING]
    assert machine.compute_s == machine.now == ends[-1]
    assert set(machine.built.values()) == {1}
    assert [stage.reused for stage in queue.results[0].stages] == [False] * stages
    assert [stage.reused for stage in queue.results[1].stages] == [True] * stages
    assert (queue.results[1].started, queue.results[1].finished) == (first, first + MEASURING)


def test_who_needs_what_another_computes_waits_for_it(world) -> None:
    machine, queue = Machine(world, slots=2), Fixed(2)
    machine.run(queue, lambda: None)
    built = len(world.chain(Recipe())) * SECONDS
    assert machine.waiting_s == built
    assert machine.now == built + MEASURING
    assert machine.compute_s == built + 2 * MEASURING
