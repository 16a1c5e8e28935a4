from collections.abc import Mapping
from pathlib import Path

import pytest

from pipelines import METRICS, Target
from pipelines.formats import FORMATS, OnnxFormat
from pipelines.meters import Candidate, Complexity, Measurement
from pipelines.runtimes import Feed


@pytest.fixture
def candidate(exported, tiny, store) -> Candidate:
    return Candidate(exported.artifact, exported.artifact, exported.artifact, tiny, Target(batch=4), store)


def test_it_is_that_of_one_input_whatever_the_batch(candidate: Candidate, exported) -> None:
    width = 32
    measured = Complexity().measure(candidate).metrics
    norms = 2 * 2 * width  # folded into the convolutions
    assert measured["parameters"] == sum(p.numel() for p in exported.model.parameters()) - norms
    assert measured["macs"] == 64 * width * 9 + 64 * width * width * 9 + 4 * width * 2


def test_what_a_format_does_not_tell_has_its_reason(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    class Vague(OnnxFormat):
        lacks: Mapping[str, str] = {"macs": "its files have no shapes"}

        def complexity(self, file: Path, feed: Feed) -> Measurement:
            return Measurement({"parameters": 5.0})

    monkeypatch.setitem(FORMATS, "onnx", Vague())
    measured = Complexity().measure(candidate)
    assert measured.metrics == {"parameters": 5.0}
    assert measured.notes == {"macs": "not available: its files have no shapes"}


def test_operations_are_shown_and_never_an_objective() -> None:
    assert [name for name, metric in METRICS.items() if not metric.objective] == ["macs"]
