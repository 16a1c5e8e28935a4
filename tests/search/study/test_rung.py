import json

from pipelines.measurement import Measurement
from search.study.rung import Rung


def test_a_rung_is_read_as_it_was_written() -> None:
    found = Measurement({"accuracy": 0.5}, {"accuracy": (0.4, 0.6)}, {"load": "quiet"})
    rung = Rung(1 / 3, found)
    assert Rung.from_json(json.loads(json.dumps(rung.to_json()))) == rung
