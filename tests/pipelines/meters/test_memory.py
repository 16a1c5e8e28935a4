from pipelines.measurement import Measurement
from pipelines.meters import Memory


def test_it_takes_the_peak_alone(shown) -> None:
    candidate = shown({"peak_memory_mb": 8.0, "latency_ms": 1.0}, {"latency.noise": "calm"}, {"latency_ms": (0, 2)})
    assert Memory().measure(candidate) == Measurement({"peak_memory_mb": 8.0})
