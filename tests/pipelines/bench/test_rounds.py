import gc

import pytest

from pipelines.bench.rounds import BLOCK, CALLS, WARM_S, Rounds


@pytest.fixture
def rounds_of():
    return lambda *sessions: Rounds(sessions, {})


def test_each_call_has_the_durations_that_the_clocks_say(timed, rounds_of) -> None:
    rounds = rounds_of(timed(2.0), timed(3.0, slowdown=2.0))
    rounds.add(4)
    first, second = rounds.times
    assert (first.shape, second.shape) == ((4, 1, 2), (4, 1, 2))
    assert (first == [2.0, 2.0]).all()
    assert (second == [3.0, 6.0]).all()


def test_every_visit_drops_its_first_call(timed, rounds_of) -> None:
    session = timed(lambda n: 9.0 if n % 2 == 0 else 1.0)
    rounds = rounds_of(session)
    rounds.add(5)
    assert session.calls == 10
    assert (rounds.times[0] == 1.0).all()


def test_visits_are_shuffled_and_every_round_visits_all(timed, rounds_of) -> None:
    visited: list[str] = []
    sessions = [timed(lambda n, name=name: visited.append(name) or 1.0) for name in "abc"]
    rounds_of(*sessions).add(40)
    visits = ["".join(visited[i : i + 6 : 2]) for i in range(0, 240, 6)]
    assert all(sorted(visit) == ["a", "b", "c"] for visit in visits)
    assert len(set(visits)) == 6


@pytest.mark.parametrize(
    ("durations", "visits"),
    [
        ((2.0, 2.0, 2.0), (1, 1, 1)),
        ((0.01, 1.0, 1.0), (1, 1, 1)),  # a visit takes two milliseconds at least
        ((2.0, 8.0, 4.0), (2, 1, 1)),
        ((0.5, 25.0, 6.0), (3, 1, 2)),
        ((500.0, 1.0), (1, 3)),
    ],
    ids=str,
)
def test_a_round_visits_fast_sessions_more_often_than_slow_ones(timed, rounds_of, durations, visits) -> None:
    sessions = [timed(ms) for ms in durations]
    rounds = rounds_of(*sessions)
    rounds.warm_up()
    before = [session.calls for session in sessions]
    rounds.add(2)
    timed_calls = [times.shape[1] for times in rounds.times]
    dropped = [(session.calls - count) / 2 for session, count in zip(sessions, before, strict=True)]
    assert [round(calls - times) for calls, times in zip(dropped, timed_calls, strict=True)] == list(visits)
    assert rounds.holding(25) == -(-25 // max(visits))


def test_who_is_warm_is_not_called_again_until_others_are(timed, rounds_of) -> None:
    steady, drifting = timed(50.0), timed(lambda n: 8.0 if n < 12 else 1.0)
    assert rounds_of(steady, drifting).warm_up()
    assert (steady.calls, drifting.calls) == (3 * BLOCK, 3 * BLOCK)


@pytest.mark.parametrize(("ms", "calls"), [(0.01, CALLS), (0.5, 3), (5.0, 1)])
def test_a_fast_network_is_called_often_within_a_visit_and_a_slow_one_once(timed, rounds_of, ms, calls) -> None:
    rounds = rounds_of(timed(ms))
    assert rounds.warm_up()
    rounds.add(2)
    assert rounds.times[0].shape == (2, calls, 2)


def test_the_warm_up_goes_on_until_two_blocks_bring_nothing_new(timed, rounds_of) -> None:
    # Ten calls of 8 ms, then ten of 4, then 1 for ever: blocks 8 8 4 4 1 1 1.
    session = timed(lambda n: 8.0 if n < 2 * BLOCK else 4.0 if n < 4 * BLOCK else 1.0)
    assert rounds_of(session).warm_up()
    assert session.calls == 7 * BLOCK


def test_one_slow_call_is_no_drift(timed, rounds_of) -> None:
    session = timed(lambda n: 50.0 if n % BLOCK == 3 else 1.0)
    assert rounds_of(session).warm_up()
    assert session.calls == 3 * BLOCK


def test_a_drift_that_does_not_stop_is_told(timed, rounds_of, machine) -> None:
    assert not rounds_of(timed(lambda n: 1.0 * 1.02**n)).warm_up()
    assert WARM_S * 1e9 < machine.wall_ns < 2 * WARM_S * 1e9


def test_rounds_end_early_when_told_to(timed, rounds_of) -> None:
    rounds = rounds_of(timed(1.0), timed(1.0))
    rounds.add(10, until=lambda: len(rounds.times[0]) == 3)
    assert [len(times) for times in rounds.times] == [3, 3]


def test_nothing_is_collected_while_time_is_taken_and_everything_after(timed, rounds_of) -> None:
    collecting = []
    rounds = rounds_of(timed(lambda n: collecting.append(gc.isenabled()) or 1.0))
    assert gc.isenabled()
    rounds.warm_up()
    rounds.add(3)
    assert not any(collecting)
    assert gc.isenabled()


def test_collection_goes_on_after_a_session_that_fails(timed, rounds_of) -> None:
    def fail(n: int) -> float:
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        rounds_of(timed(fail)).add(1)
    assert gc.isenabled()
