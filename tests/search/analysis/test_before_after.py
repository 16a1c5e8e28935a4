import json
from dataclasses import replace

import pytest

from pipelines import Target, Targets
from pipelines.meters import Measurement
from search.analysis.before_after import before_after_json, before_after_table, compare
from search.analysis.remeasurement import Remeasurement
from search.study.outcome import Complete, Failed
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.trial import Result
from search.tracking.annotation import before_after_annotation

OWN = Targets()


@pytest.fixture
def sweep(config, make_trial):
    rows = [(0.9, 4.0, 2.0), (0.8, 2.0, 1.0), (0.7, 2.1, 1.0), (0.6, 1.0, 0.5), (0.5, 3.0, 3.0)]
    trials = [make_trial(number, row) for number, row in enumerate(rows)]
    return Sweep(config, tuple(trials), SweepState.of(trials, config))


@pytest.fixture
def remeasurement(sweep):
    """Trial 1 turns out slow, so that 2 comes on the front; 3 does not load."""

    def make(target=OWN):
        results = []
        for number, latency in {0: 4.0, 1: 2.5, 2: 2.1}.items():
            trial = sweep.trials[number]
            measured = Measurement(
                {**trial.metrics, "latency_ms": latency}, {"latency_ms": (latency - 0.1, latency + 0.1)}
            )
            results.append(trial.measured(measured).result)
        return Remeasurement.here(target, [*results, Result(3, 1.0, 2.0, Failed("no kernel"))], 10.0, 11.0)

    return make


def test_it_says_who_stays_joins_leaves_and_fails(sweep, remeasurement) -> None:
    before_after = compare(sweep, remeasurement())
    assert [trial.number for trial in before_after.then] == [0, 1, 2, 3]
    assert {n: before_after.fate(n) for n in (0, 1, 2, 3, 4)} == {
        0: "stays",
        1: "stays",
        2: "joins",
        3: "failed",
        4: "off",
    }
    assert before_after.chances[2] == pytest.approx(1, abs=0.01)
    slower = replace(remeasurement(), results=tuple(r for r in remeasurement().results if r.number != 1))
    faster = replace(slower, results=(*slower.results, replace(slower.results[0], number=1)))
    assert compare(sweep, faster).fate(1) == "stays"  # equal to trial 0 in everything


def test_who_is_beaten_leaves(sweep, remeasurement) -> None:
    best = {"accuracy": 0.95, "latency_ms": 0.5, "size_mb": 0.1}
    first, *others = remeasurement().results
    before_after = compare(
        sweep, replace(remeasurement(), results=(replace(first, outcome=Complete(Measurement(best), "m")), *others))
    )
    assert [before_after.fate(number) for number in (0, 1, 2)] == ["stays", "leaves", "off"]


def test_for_the_sweeps_target_unmeasured_trials_count_as_recorded(sweep, remeasurement) -> None:
    assert compare(sweep, remeasurement()).chances[4] == 0
    fewer = replace(remeasurement(), results=remeasurement().results[:1])
    assert compare(sweep, fewer).chances[1] == 1
    assert compare(sweep, replace(fewer, targets=Targets.only(Target(batch=8)))).chances[1] == 0


def test_the_hypervolume_is_that_of_the_new_numbers(sweep, remeasurement, config) -> None:
    now = remeasurement().measured(sweep.trials)
    assert (
        compare(sweep, remeasurement()).hypervolume == SweepState.of(now, config).hypervolume < sweep.state.hypervolume
    )


def test_as_data_and_as_a_table(sweep, remeasurement) -> None:
    before_after = compare(sweep, remeasurement())
    data = json.loads(json.dumps(before_after_json(before_after)))
    assert data["target"]["runtime"] == "onnxruntime"
    second, last = data["trials"][1], data["trials"][3]
    assert (second["before"]["latency_ms"], second["after"]["latency_ms"]) == (2.0, 2.5)
    assert second["intervals"] == {"latency_ms": [2.4, 2.6]}
    assert (last["front"], last["reason"], last["after"]) == ("failed", "no kernel", {})
    frame = before_after_table(before_after)
    assert frame["trial"].tolist() == [0, 1, 2, 3]
    assert frame["latency_ms.after"].tolist()[:3] == [4.0, 2.5, 2.1]
    assert frame["latency_ms.high"].tolist()[1] == 2.6
    assert frame["front"].tolist() == ["stays", "stays", "joins", "failed"]


def test_another_target_has_metrics_of_its_own_in_mlflow(sweep, remeasurement) -> None:
    own = before_after_annotation(sweep, compare(sweep, remeasurement()))
    assert own.metrics[1] == {
        "remeasured/accuracy": 0.8,
        "remeasured/latency_ms": 2.5,
        "remeasured/size_mb": 1.0,
    }
    assert 3 not in own.metrics
    assert [name.rpartition(".")[2] for name in own.files] == ["csv", "json"]
    other = remeasurement(Targets.only(Target(runtime="openvino", batch=8)))
    found = before_after_annotation(sweep, compare(sweep, other))
    assert found.metrics[1]["remeasured/openvino-cpu-b8-t1/latency_ms"] == 2.5
