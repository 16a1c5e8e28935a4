from pipelines.measurement import Measurement


def test_measurements_are_put_together() -> None:
    both = Measurement({"a": 1.0}, {"a": (0, 2)}, {"x": "1"}) | Measurement({"b": 2.0}, {}, {"y": "2"})
    assert both == Measurement({"a": 1.0, "b": 2.0}, {"a": (0, 2)}, {"x": "1", "y": "2"})
