import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger import OTHER, Ledger, spending


class Clock:
    """Seconds, which go on when they are told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_time_is_on_the_innermost_account(clock: Clock) -> None:
    with Ledger(clock=clock) as ledger:
        clock.now += 1
        with spending("prune"):
            clock.now += 2
            with spending("yielding"):
                clock.now += 4
            clock.now += 8
        clock.now += 16
    assert ledger.seconds == {OTHER: 17, "prune": 10, "yielding": 4}


def test_what_is_spent_before_an_error_counts(clock: Clock) -> None:
    ledger = Ledger(clock=clock)

    def fail() -> None:
        clock.now += 3
        raise RuntimeError

    with pytest.raises(RuntimeError), ledger, spending("export"):
        fail()
    assert ledger.seconds == {OTHER: 0, "export": 3}


def test_a_ledger_within_another_is_a_part_of_it(clock: Clock) -> None:
    with Ledger(clock=clock) as whole, spending("distil"):
        clock.now += 1
        with Ledger(rest="own") as part:
            clock.now += 2
            with spending("yielding"):
                clock.now += 4
    assert part.seconds == {"own": 2, "yielding": 4}
    assert whole.seconds == {OTHER: 0, "distil": 3, "yielding": 4}


def test_without_a_ledger_and_after_it_nobody_counts(clock: Clock) -> None:
    with Ledger(clock=clock) as ledger:
        pass
    with spending("export"):
        clock.now += 3
    assert ledger.seconds == {OTHER: 0}


def test_another_thread_is_not_accounted(clock: Clock) -> None:
    def work() -> None:
        with spending("upload"):
            clock.now += 3

    with Ledger(clock=clock) as ledger:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert ledger.seconds == {OTHER: 3}


WORK = st.recursive(
    st.integers(0, 5),
    lambda inner: st.lists(st.tuples(st.sampled_from(["a", "b", "ledger"]), inner), max_size=4),
    max_leaves=20,
)


@given(WORK)
def test_accounts_are_all_of_the_time_whatever_is_done_within(work) -> None:
    clock = Clock()

    def do(work) -> None:
        if isinstance(work, int):
            clock.now += work
            return
        for name, inner in work:
            with Ledger(rest="own") if name == "ledger" else spending(name):
                do(inner)

    with Ledger(clock=clock) as ledger:
        do(work)
    assert sum(ledger.seconds.values()) == clock.now - 100.0
    assert all(seconds >= 0 for seconds in ledger.seconds.values())
    assert set(ledger.seconds) <= {OTHER, "a", "b"}
