from pipelines.meters import GpuMemory
from pipelines.runtimes import Target


def test_there_is_none_without_a_gpu() -> None:
    (metric,) = GpuMemory().metrics
    assert metric.devices == ("cuda",)
    assert metric.absence(Target("torch", "cuda")) == ""
    assert metric.absence(Target()) == "the target is no GPU"
