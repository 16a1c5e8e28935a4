from dataclasses import replace

import pytest

from pipelines import StageRun
from search.config.sweep_config import parse_config
from search.tracking import trial_run as child
from search.tracking.client import MAX_TAG
from tests.search.results import measured, stored_as


@pytest.fixture
def trial(make_trial):
    chosen = {"student.depth": "none", "pruning.method": "channel", "pruning.ratio": 0.5, "quantization.scheme": "none"}
    return make_trial(3, (0.9, 4.0, 2.0), recipe=[{"prune": {"ratio": 0.5}}], params=chosen)


def test_parameters_have_the_names_of_the_sweeps_file_and_inactive_ones_are_left_out(config, trial) -> None:
    assert child.params(trial, config) == {
        "student.depth": "none",
        "pruning.method": "channel",
        "pruning.ratio": "0.5",
        "quantization.scheme": "none",
    }


def test_the_teacher_has_every_switch_that_the_sweep_varies(make_raw, make_trial) -> None:
    teacher = make_trial(0, (0.9, 4.0, 2.0))
    raw = make_raw()
    assert child.params(teacher, parse_config(raw))["student.depth"] == "none"
    space = {"pruning": {"method": ["none", "channel"], "ratio": [0.5]}}
    assert child.params(teacher, parse_config({**raw, "space": space})) == {"pruning.method": "none"}


def test_what_the_sweep_asks_for_is_bare_and_the_rest_is_grouped(make_config, trial) -> None:
    config = make_config(constraints={"accuracy": ">= 0.5"})
    config = replace(config, objectives=config.objectives[-1:])
    sure = measured(trial, intervals={"accuracy": (0.8, 0.95)})
    built = replace(sure.result, stages=(StageRun("export", "e", 2.0, True),), seconds={"measuring": 0.75})
    assert child.metrics(sure.finish(built), config) == {
        "accuracy": 0.9,
        "size_mb": 2.0,
        "measured/latency_ms": 4.0,
        "interval/accuracy_low": 0.8,
        "interval/accuracy_high": 0.95,
        "seconds/export": 2.0,
        "seconds/trial": 1.0,
        "spent/measuring": 0.75,
        "spent/other": 0.25,
    }


def test_what_was_taken_on_a_target_has_a_name_that_mlflow_takes(config, trial) -> None:
    metrics = {"latency_ms@edge": 4.0, "latency_ms": 4.0}
    found = measured(
        trial, metrics=metrics, intervals={"latency_ms@edge": (3.0, 5.0)}, notes={"latency.load@edge": "q"}
    )
    assert {"measured/latency_ms/edge", "latency_ms", "interval/latency_ms/edge_low"} <= child.metrics(
        found, config
    ).keys()
    assert child.tags(found)["latency.load/edge"] == "q"


def test_notes_and_the_reason_become_tags(trial, make_trial) -> None:
    assert child.tags(measured(trial, notes={"load": "quiet"}))["load"] == "quiet"
    tags = child.tags(make_trial(1, None, "x" * (MAX_TAG + 1)))
    assert tags["failure"] == "x" * MAX_TAG
    assert tags["mlflow.note.content"].startswith("Failed: xxx")
    assert child.tags(make_trial(2)) == {}


def test_the_machine_of_its_worker_is_a_tag(trial) -> None:
    assert "node" not in child.tags(trial)
    assert child.tags(trial.finish(replace(trial.result, node="gpu-3")))["node"] == "gpu-3"


def test_the_result_is_known_by_its_digest(trial, make_trial) -> None:
    before = child.result_digest(trial)
    assert child.result_digest(stored_as(trial, "other")) != before
    assert child.result_digest(make_trial(2)) == ""


def test_what_a_worker_used_becomes_system_metrics(trial) -> None:
    used = replace(trial, result=replace(trial.result, usage={"memory_mb": ((100.0, 5.0), (110.0, 6.0))}))
    assert list(child.usage(used)) == [("system/memory_mb", 0, 100.0, 5.0), ("system/memory_mb", 1, 110.0, 6.0)]
    assert list(child.usage(trial)) == []
