from dataclasses import replace
from importlib.metadata import version

import pytest

from pipelines import Target
from search.analysis.remeasurement import Campaign, latest
from search.study.trial import Result


@pytest.fixture
def campaign():
    results = [
        Result(3, 1.0, 2.0, {"accuracy": 0.9, "latency_ms": 2.0}, {"latency_ms": (1.9, 2.2)}, {"noise": "none"}),
        Result(5, 1.0, 2.0, reason="does not load"),
    ]
    return Campaign.here(Target(runtime="openvino", batch=8), results, started=1_000_000.0, finished=1_000_009.0)


def test_it_says_where_and_with_what_it_was_measured(campaign) -> None:
    assert campaign.versions == {"openvino": version("openvino")}
    assert campaign.machine
    assert campaign.name == "19700112T134640-openvino-cpu-b8-t1"


def test_it_is_read_as_it_was_written(campaign, tmp_path) -> None:
    path = campaign.write(tmp_path / "measurements")
    assert path.name == f"{campaign.name}.json"
    assert Campaign.read(path) == campaign


def test_its_results_stand_in_for_those_of_the_sweep(campaign, make_trial) -> None:
    trials = [make_trial(number, (0.8, 4.0, 2.0)) for number in (3, 4, 5)]
    overlaid = campaign.overlay(trials)
    assert [trial.metrics.get("accuracy") for trial in overlaid] == [0.9, 0.8, None]
    assert [trial.state for trial in overlaid] == ["complete", "complete", "failed"]
    assert [trial.number for trial in campaign.measured(trials)] == [3, 5]


def test_the_latest_for_a_target_is_found(campaign, tmp_path) -> None:
    assert latest(tmp_path / "absent", Target()) is None
    later = replace(campaign, started=campaign.started + 60)
    own = replace(campaign, target=Target(), started=campaign.started + 30)
    for each in (later, own, campaign):
        each.write(tmp_path)
    assert latest(tmp_path, campaign.target) == later
    assert latest(tmp_path, Target()) == own
    assert latest(tmp_path, Target(threads=2)) is None
