import gc

import numpy as np
import pytest

from pipelines.meters.latency import ROUNDS, paired_times
from pipelines.runtimes import Feed


class Clock:
    """A clock that only goes on when a session says so."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


class Session:
    """A session whose every call takes `ms` on `clock`, after a first one that is told apart."""

    def __init__(self, clock: Clock, ms: float) -> None:
        self.clock, self.ms, self.calls, self.collecting = clock, ms, 0, False

    def run(self, feed: Feed) -> np.ndarray:
        self.clock.now_ns += int(self.ms * 1e6)
        self.calls += 1
        self.collecting |= gc.isenabled() and self.calls > 5
        return np.zeros((1, 1), np.float32)


def test_each_call_has_the_duration_that_the_clock_says() -> None:
    clock = Clock()
    sessions = [Session(clock, 2.0), Session(clock, 3.0)]
    times = paired_times(sessions, {}, clock)
    assert [set(runs[:, 0]) for runs in times] == [{2.0}, {3.0}]


def test_every_visit_drops_its_first_call() -> None:
    clock = Clock()
    session = Session(clock, 2.0)
    (runs,) = paired_times([session], {}, clock)
    warming_up = 5
    assert session.calls == warming_up + ROUNDS + len(runs)


def test_nothing_is_collected_while_time_is_taken_and_everything_after() -> None:
    clock = Clock()
    session = Session(clock, 1.0)
    assert gc.isenabled()
    paired_times([session], {}, clock)
    assert not session.collecting
    assert gc.isenabled()


def test_collection_goes_on_after_a_session_that_fails() -> None:
    class Failing(Session):
        def run(self, feed: Feed) -> np.ndarray:
            if self.calls >= 8:
                raise RuntimeError("no more")
            return super().run(feed)

    clock = Clock()
    with pytest.raises(RuntimeError, match="no more"):
        paired_times([Failing(clock, 1.0)], {}, clock)
    assert gc.isenabled()
