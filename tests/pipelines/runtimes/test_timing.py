from pipelines.runtimes import Timing, timed_on_cpu


def test_a_call_is_timed_by_both_clocks() -> None:
    cpu, wall, seen = iter([1_000_000, 3_000_000]), iter([10_000_000, 15_000_000]), []
    timing = timed_on_cpu(seen.append, "feed", lambda: next(cpu), lambda: next(wall))
    assert timing == Timing(own_ms=2.0, wall_ms=5.0)
    assert seen == ["feed"]
