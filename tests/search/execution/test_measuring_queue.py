from types import SimpleNamespace

import pytest

from pipelines.evaluator import Unmeasured
from search.execution.measuring_queue import FileLostError, MeasuringQueue

OWN, LOST = (Unmeasured("", name, "parent", "reference") for name in ("own", "lost"))


class Sends:
    """Gives the number of each order; a file called lost is gone."""

    def __init__(self) -> None:
        self.sent: list[Unmeasured] = []

    def send(self, unmeasured: Unmeasured) -> int:
        if unmeasured.model == "lost":
            raise FileLostError
        self.sent.append(unmeasured)
        return len(self.sent)


@pytest.fixture
def cancelled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What is cancelled in a cluster of one machine that measures."""
    found: list[int] = []
    ray = SimpleNamespace(cluster_resources=lambda: {"edge": 1.0}, cancel=lambda answer, force: found.append(answer))
    monkeypatch.setattr("search.execution.measuring_queue.ray", ray)
    return found


@pytest.fixture
def queue(cancelled: list[int]) -> MeasuringQueue:
    return MeasuringQueue("edge", Sends())


def test_as_many_are_sent_as_can_be_measured_and_one_more(queue: MeasuringQueue) -> None:
    for number in range(4):
        queue.add(number, OWN)
    assert list(queue.send()) == []
    assert ([number for number, _ in queue.out.values()], len(queue)) == ([0, 1], 4)


def test_a_lost_file_is_told_and_the_next_is_sent(queue: MeasuringQueue) -> None:
    queue.add(1, LOST)
    queue.add(2, OWN)
    assert list(queue.send()) == [1]
    assert [number for number, _ in queue.out.values()] == [2]


def test_what_is_forgotten_is_neither_sent_nor_awaited(queue: MeasuringQueue, cancelled: list[int]) -> None:
    for number in (1, 2, 1, 3):
        queue.add(number, OWN)
    list(queue.send())
    queue.forget(1)
    assert (cancelled, len(queue)) == ([1], 2)
    queue.drop()
    assert (cancelled, len(queue)) == ([1, 2], 0)
