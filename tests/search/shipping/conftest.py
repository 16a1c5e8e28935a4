from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.meters import Score
from pipelines.pipeline import nodes
from search.analysis.held_out import HeldOut
from search.analysis.pareto_probability import ParetoProbability
from search.analysis.post_hoc import PostHoc
from search.analysis.remeasurement import Remeasurement
from search.selection.choice import Choice
from search.shipping.export_bundle import ExportBundle
from search.study.saved import Sweep, sweep_evaluator
from search.study.state import SweepState
from tests.search.results import measured, stored_as


@pytest.fixture
def bundle(make_config, make_trial, workspace, tmp_path) -> Callable[..., ExportBundle]:
    """A pruned teacher of which nothing was trained; ``current`` says whether its key is the one of today's code."""

    def make(*, current: bool = True, remeasured: bool = False) -> ExportBundle:
        config = make_config()
        evaluator = sweep_evaluator(config, workspace)
        teacher = make_trial(0, (0.96, 4.0, 2.0))
        pruned = make_trial(3, (0.95, 2.0, 1.0), recipe=[{"prune": {"method": "channel", "ratio": 0.5}}])
        *_, (_, _, key) = nodes(pruned.recipe, evaluator.context)
        pruned = stored_as(measured(pruned, intervals={"accuracy": (0.93, 0.97)}), key if current else "f" * 32)
        sweep = Sweep(config, (teacher, pruned), SweepState.of([teacher, pruned], config))
        file: Path = tmp_path / "model.onnx"
        file.write_bytes(b"a network")
        again = measured(pruned, metrics={**pruned.metrics, "latency_ms": 2.5}).result
        remeasurement = Remeasurement(config.targets, (again,), 10.0, 11.0, "here", {}) if remeasured else None
        return ExportBundle(
            sweep,
            Choice(pruned, "the least size_mb of 2 of 2 front members", 2, 2, None, {}),
            file,
            HeldOut(3, Score(0.95, (0.93, 0.97), 400), Score(0.94, None, 500), 86400.0),
            PostHoc(ParetoProbability({3: 0.75}), (), remeasurement),
            evaluator,
        )

    return make
