from dataclasses import replace
from importlib.metadata import version

import pytest

from pipelines import Target, Targets
from search.analysis.remeasurement import Remeasurement, latest
from search.study.outcome import Failed
from search.study.trial import Result
from tests.search.results import complete


@pytest.fixture
def remeasurement():
    results = [
        complete(3, 1.0, 2.0, {"accuracy": 0.9, "latency_ms": 2.0}, {"latency_ms": (1.9, 2.2)}, {"noise": "none"}),
        Result(5, 1.0, 2.0, Failed("does not load")),
    ]
    return Remeasurement.here(
        Targets.only(Target(runtime="openvino", batch=8)), results, started=1_000_000.0, finished=1_000_009.0
    )


def test_it_says_where_and_with_what_it_was_measured(remeasurement) -> None:
    assert remeasurement.versions == {"openvino": version("openvino")}
    assert remeasurement.machine
    assert remeasurement.name == "19700112T134640-openvino-cpu-b8-t1"


def test_it_is_read_as_it_was_written(remeasurement, tmp_path) -> None:
    path = remeasurement.write(tmp_path / "measurements")
    assert path.name == f"{remeasurement.name}.json"
    assert Remeasurement.read(path) == remeasurement


def test_its_results_stand_in_for_those_of_the_sweep(remeasurement, make_trial) -> None:
    trials = [make_trial(number, (0.8, 4.0, 2.0)) for number in (3, 4, 5)]
    overlaid = remeasurement.overlay(trials)
    assert [trial.metrics.get("accuracy") for trial in overlaid] == [0.9, 0.8, None]
    assert [trial.state for trial in overlaid] == ["complete", "complete", "failed"]
    assert [trial.number for trial in remeasurement.measured(trials)] == [3, 5]


def test_the_latest_for_a_target_is_found(remeasurement, tmp_path) -> None:
    assert latest(tmp_path / "absent", Targets()) is None
    later = replace(remeasurement, started=remeasurement.started + 60)
    own = replace(remeasurement, targets=Targets(), started=remeasurement.started + 30)
    for each in (later, own, remeasurement):
        each.write(tmp_path)
    assert latest(tmp_path, remeasurement.targets) == later
    assert latest(tmp_path, Targets()) == own
    assert latest(tmp_path, Targets.only(Target(threads=2))) is None
