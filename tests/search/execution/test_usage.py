import time
from itertools import count
from types import SimpleNamespace

import pytest

from search.execution import usage
from search.execution.usage import Usage


def test_a_long_piece_of_work_has_points_of_what_it_used(monkeypatch) -> None:
    clock = SimpleNamespace(monotonic=count(step=2.0).__next__, process_time=count(step=3.0).__next__, time=time.time)
    monkeypatch.setattr(usage, "time", clock)  # on a machine that is busy the true ones say anything
    before = time.time()
    with Usage(every_s=0.01) as seen:
        while len(seen.series.get("cpu_cores", ())) < 2:
            time.sleep(0.01)
    series = seen.series
    assert {"cpu_cores", "memory_mb"} <= set(series)
    assert {value for _, value in series["cpu_cores"]} == {1.5}
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
        while seen._every_s == 0.01:
            time.sleep(0.01)
    assert 1 <= len(seen.series["cpu_cores"]) <= 4


def test_it_ends_with_the_work_also_when_that_fails() -> None:
    watch = Usage(every_s=60)
    with pytest.raises(ValueError, match="no"), watch:
        raise ValueError("no")
    assert not watch._thread.is_alive()
