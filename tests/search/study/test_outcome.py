import json

import pytest

from pipelines.meters import Measurement
from search.study.outcome import Complete, Failed, Stopped, outcome_from_json, outcome_to_json

FOUND = Measurement({"accuracy": 0.5}, {"accuracy": (0.4, 0.6)}, {"load": "quiet"})


@pytest.mark.parametrize("outcome", [Complete(FOUND, "m"), Failed("bad", "Traceback"), Stopped("too large")])
def test_an_outcome_is_read_as_it_was_written(outcome) -> None:
    assert outcome_from_json(json.loads(json.dumps(outcome_to_json(outcome)))) == outcome


def test_an_unknown_outcome_is_told() -> None:
    with pytest.raises(ValueError, match="complete, failed or stopped, not 'paused'"):
        outcome_from_json({"state": "paused"})
