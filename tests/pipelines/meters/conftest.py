from collections.abc import Callable, Mapping

import pytest

from pipelines import Target
from pipelines.measurement import Interval, Measurement
from pipelines.meters import Candidate


@pytest.fixture
def shown(exported, tiny, store, monkeypatch) -> Callable[..., Candidate]:
    """Makes a file that has shown these numbers, notes and intervals while it ran."""

    def make(
        metrics: Mapping[str, float],
        notes: Mapping[str, str] | None = None,
        intervals: Mapping[str, Interval] | None = None,
    ) -> Candidate:
        found = Measurement(metrics, intervals or {}, notes or {})
        monkeypatch.setattr("pipelines.meters.meter.run_bench", lambda job, feed, lease: found)
        return Candidate(*[exported.artifact] * 3, tiny, Target(), store)

    return make
