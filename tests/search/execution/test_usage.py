import time

import pytest

from search.execution import usage
from search.execution.usage import Usage


def busy(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_a_long_piece_of_work_has_points_of_what_it_used() -> None:
    before = time.time()
    with Usage(every_s=0.05) as seen:
        busy(0.5)
    series = seen.series
    assert {"cpu_cores", "memory_mb"} <= set(series)
    assert len(series["cpu_cores"]) >= 2
    assert max(value for _, value in series["cpu_cores"]) > 0.1
    assert all(10 < value < 100_000 for _, value in series["memory_mb"])
    times = [at for at, _ in series["cpu_cores"]]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.time()


def test_a_short_piece_of_work_has_none() -> None:
    with Usage(every_s=60) as seen:
        pass
    assert seen.series == {}


def test_points_are_thinned_and_stay_few(monkeypatch) -> None:
    monkeypatch.setattr(usage, "POINTS", 4)
    with Usage(every_s=0.01) as seen:
        time.sleep(0.5)
    assert 1 <= len(seen.series["cpu_cores"]) <= 4


def test_it_ends_with_the_work_also_when_that_fails() -> None:
    watch = Usage(every_s=60)
    with pytest.raises(ValueError, match="no"), watch:
        raise ValueError("no")
    assert not watch._thread.is_alive()
