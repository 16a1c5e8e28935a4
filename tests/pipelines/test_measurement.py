import json
from dataclasses import asdict

from pipelines.measurement import Measurement


def test_measurements_are_put_together() -> None:
    both = Measurement({"a": 1.0}, {"a": (0, 2)}, {"x": "1"}) | Measurement({"b": 2.0}, {}, {"y": "2"})
    assert both == Measurement({"a": 1.0, "b": 2.0}, {"a": (0, 2)}, {"x": "1", "y": "2"})


def test_intervals_are_pairs_again_when_they_come_back_from_json() -> None:
    measurement = Measurement({"a": 1.0}, {"a": (0.5, 2.0)}, {"x": "1"})
    assert Measurement.from_json(json.loads(json.dumps(asdict(measurement)))) == measurement
