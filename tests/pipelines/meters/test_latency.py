from pipelines.measurement import Measurement
from pipelines.meters import Latency


def test_it_takes_all_durations_with_their_intervals_and_notes(shown) -> None:
    durations = {"latency_ms": 1.0, "latency_ratio": 0.5, "latency_vs_parent": 0.75}
    wall = {"latency_wall_p50_ms": 1.25, "latency_wall_p90_ms": 1.5}
    candidate = shown(
        {**durations, **wall, "peak_memory_mb": 8.0},
        {"latency.conditions": "1 thread", "energy_mj": "not available"},
        {"latency_ms": (0.9, 1.1)},
    )
    expected = Measurement({**durations, **wall}, {"latency_ms": (0.9, 1.1)}, {"latency.conditions": "1 thread"})
    assert Latency().measure(candidate) == expected
    assert {metric.name for metric in Latency().metrics} == set(expected.metrics)
