import time

import pytest

from benchmarks.turns import CALLS, ROUNDS, call_seconds


def test_a_call_counts_with_the_caches_that_it_leaves_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    spent_s = 0.0
    monkeypatch.setattr(time, "process_time", lambda: spent_s)

    def call(who: str, warm_s: float) -> None:
        nonlocal spent_s
        spent_s += warm_s if calls[-1:] == [who] else 10.0
        calls.append(who)

    found = call_seconds({"one": lambda: call("one", 1.0), "other": lambda: call("other", 0.25)})
    assert found == {"one": pytest.approx(1.0), "other": pytest.approx(0.25)}
    assert len(calls) == 2 * ROUNDS * (CALLS + 1)
