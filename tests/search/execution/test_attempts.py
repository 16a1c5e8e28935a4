import pytest

from search.execution.attempts import MAX_ATTEMPTS, Attempts
from search.study.outcome import Failed


@pytest.fixture
def running(make_trial):
    """Two trials that have no result yet."""
    return [make_trial(number) for number in (3, 4)]


def give_out(attempts: Attempts):
    trial = attempts.waiting.popleft()
    attempts.begin(trial)
    return trial


def test_a_trial_waits_or_is_out_until_it_ends(running) -> None:
    attempts = Attempts(running)
    trial = give_out(attempts)
    assert (list(attempts.waiting), attempts.out) == (running[1:], (trial,))
    assert attempts.end(trial.number) == trial
    assert attempts.out == ()


def test_what_comes_back_without_a_result_waits_behind_the_others(running) -> None:
    attempts = Attempts(running)
    first = give_out(attempts)
    assert attempts.retry(first, "the worker died", 5.0) is None
    assert (list(attempts.waiting), attempts.out) == ([running[1], first], ())
    attempts.requeue(give_out(attempts))
    assert list(attempts.waiting) == [first, running[1]]


def test_a_trial_fails_when_its_last_worker_dies(running) -> None:
    attempts = Attempts(running[:1])
    for _ in range(MAX_ATTEMPTS - 1):
        assert attempts.retry(give_out(attempts), "the worker died", 5.0) is None
    trial = give_out(attempts)
    failed = attempts.retry(trial, "the worker died", 6.0)
    assert (failed.number, failed.finished, failed.outcome) == (3, 6.0, Failed("the worker died"))
    assert attempts.out == (trial,)  # until the result is taken


def test_what_was_not_worked_on_costs_no_attempt(running) -> None:
    attempts = Attempts(running[:1])
    for _ in range(MAX_ATTEMPTS + 1):
        attempts.requeue(give_out(attempts))
    assert attempts.retry(give_out(attempts), "the worker died", 5.0) is None
