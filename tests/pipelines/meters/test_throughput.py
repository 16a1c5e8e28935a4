from pipelines.meters import Throughput
from pipelines.runtimes import Target


def test_it_is_measured_on_gpus_only() -> None:
    (metric,) = Throughput().metrics
    assert metric.devices == ("cuda",)
    assert metric.absence(Target("torch", "cuda")) == ""
    assert metric.absence(Target()).startswith("it is measured on GPUs only")
    assert metric.direction == "maximize"
