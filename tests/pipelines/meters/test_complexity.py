import pytest

from pipelines import METRICS, Target
from pipelines.meters import Candidate, Complexity


@pytest.fixture
def candidate(exported, tiny) -> Candidate:
    return Candidate(exported.artifact, exported.artifact, exported.artifact, tiny, Target(batch=4))


def test_it_is_that_of_one_input_whatever_the_batch(candidate: Candidate, exported) -> None:
    width = 32
    measured = Complexity().measure(candidate).metrics
    norms = 2 * 2 * width  # folded into the convolutions
    assert measured["parameters"] == sum(p.numel() for p in exported.model.parameters()) - norms
    assert measured["macs"] == 64 * width * 9 + 64 * width * width * 9 + 4 * width * 2


def test_what_cannot_be_counted_has_a_reason(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(self: object) -> int:
        raise LookupError("the shape of x cannot be found out")

    monkeypatch.setattr("pipelines.meters.complexity.Graph.macs", unknown)
    measured = Complexity().measure(candidate)
    assert set(measured.metrics) == {"parameters"}
    assert measured.notes == {"macs": "not available: the shape of x cannot be found out"}


def test_operations_are_shown_and_never_an_objective() -> None:
    assert [name for name, metric in METRICS.items() if not metric.objective] == ["macs"]
