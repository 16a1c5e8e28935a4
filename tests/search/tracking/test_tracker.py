import csv
import json
import re
import shutil
import socket
import time
from collections import Counter
from dataclasses import replace

import mlflow
import pytest
from mlflow.tracking import MlflowClient

from pipelines import StageRun, Store
from search.config.sweep_config import parse_config
from search.execution.executor import InlineExecutor
from search.study.history import compute_seconds
from search.study.state import SweepState
from search.study.study import read_study_id
from search.study.workspace import Workspace
from search.sweep import run_sweep
from search.tracking import client as tracking
from search.tracking import trial_run as child
from search.tracking.client import NUMBER, PARENT, PARETO
from search.tracking.tracker import Tracker, due


@pytest.fixture
def runs_in():
    """The parents and the children that MLflow shows, by trial number."""

    def read(workspace):
        client = MlflowClient(workspace.tracking_uri)
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = client.search_runs(experiments, max_results=1000)
        parents = [run for run in runs if PARENT not in run.data.tags]
        children = [run for run in runs if PARENT in run.data.tags]
        numbers = Counter(run.data.tags[NUMBER] for run in children)
        assert set(numbers.values()) <= {1}
        return parents, {int(run.data.tags[NUMBER]): run for run in children}

    return read


@pytest.fixture
def runs_of(workspace, runs_in):
    return lambda: runs_in(workspace)


@pytest.fixture
def artifact(workspace, tmp_path):
    client = MlflowClient(workspace.tracking_uri)

    def read(run, name: str) -> str:
        with open(client.download_artifacts(run.info.run_id, name), encoding="utf-8") as stream:
            return stream.read()

    return read


def check_mirror(sweep, parents, children) -> None:
    """MLflow says what the sweep says: no more, no less."""
    (parent,) = parents
    assert sorted(children) == [trial.number for trial in sweep.trials]
    members = {trial.number for trial in sweep.state.front.members}
    for trial in sweep.trials:
        run = children[trial.number]
        assert run.data.tags[PARENT] == parent.info.run_id
        assert run.info.status == {"complete": "FINISHED", "failed": "FAILED"}[trial.state]
        assert run.info.run_name == trial.label
        assert run.data.tags["recipe.digest"] == trial.recipe.digest
        assert run.data.tags[PARETO] == ("true" if trial.number in members else "false")
        assert run.data.params == child.params(trial, sweep.config)
        assert run.data.metrics == pytest.approx(child.metrics(trial, sweep.config))
        if trial.state == "failed":
            assert run.data.tags["failure"] == trial.failure.reason
            assert trial.failure.reason in run.data.tags["mlflow.note.content"]


def test_what_a_person_sees_in_mlflow(make_config, run_inline, picky, runs_of, artifact) -> None:
    config = make_config(
        search={"trials": 20}, constraints={"accuracy": ">= 0.1"}, space={"student": {"depth": ["none", 1, 2]}}
    )
    sweep = run_inline(config, picky)
    assert sweep.state.complete >= 3
    assert sweep.state.failed >= 3
    parents, children = runs_of()
    check_mirror(sweep, parents, children)
    (parent,) = parents
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "small"
    assert parent.data.tags["objective.accuracy"] == "maximize"
    assert parent.data.tags["version.optuna"].startswith("5.")
    shown = {name for name in children[0].data.metrics if not name.startswith("spent/")}
    assert shown == {
        *("accuracy", "latency_ms", "size_mb"),
        *("seconds/teacher", "seconds/export", "seconds/trial"),
    }
    assert children[0].data.params == {
        "student.depth": "none",
        "pruning.method": "none",
        "quantization.scheme": "none",
    }
    assert children[0].data.tags["model.key"] == "e" * 32
    reused = next(run for run in children.values() if run.data.params and run.info.status == "FINISHED")
    assert reused.data.tags["stages.reused"] == "teacher"
    unlucky = next(trial for trial in sweep.trials if trial.failure and trial.failure.reason == "ValueError: unlucky")
    assert "raise ValueError" in artifact(children[unlucky.number], "traceback.txt")
    assert parent.data.metrics["trials_finished"] == 20
    assert parent.data.metrics["trials_failed"] == sweep.state.failed
    assert parent.data.metrics["front_size"] == len(sweep.state.front.members)
    assert parent.data.metrics["hypervolume"] == pytest.approx(sweep.state.hypervolume)
    assert artifact(parent, "config.yaml") == config.dump()
    rows = list(csv.DictReader(artifact(parent, "front.csv").splitlines()))
    assert [int(row["trial"]) for row in rows] == [trial.number for trial in sweep.state.front.members]
    data = json.loads(re.search(r"const data = (\{.*\});", artifact(parent, "pareto.html"))[1])
    assert len(data["trials"]) == sweep.state.complete
    note = parent.data.tags["mlflow.note.content"].splitlines()
    assert note[0].startswith(f"**{len(sweep.state.front.members)} configurations on the Pareto front** · 20 of 20")
    assert note[1].endswith("ship one of the recommended picks below")
    picks = [line for line in note if line.startswith("- **")]
    assert picks[0].startswith("- **knee**: trial [")
    assert picks[0].endswith(", `paredown pick small --knee --export out/`")
    member = sweep.state.front.members[0].number
    place = f"#/experiments/{parent.info.experiment_id}/runs/{children[member].info.run_id}"
    assert any(line.startswith(f"| [{member}]({place}?") for line in note)


def test_the_analyses_that_trials_rest_on_stand_beside_the_front_once(
    make_config, run_inline, analytic, analysed, runs_of, artifact, workspace, monkeypatch
) -> None:
    uploads = []
    log_artifacts = MlflowClient.log_artifacts

    def counting(self, run_id, folder, path=None):
        uploads.append(path)
        log_artifacts(self, run_id, folder, path)

    def evaluate(recipe):
        outcome = analytic(recipe)
        if not recipe.steps:
            return outcome
        entry = Store(workspace.store).compute("a" * 32, analysed.write, {})
        return replace(outcome, stages=(StageRun("sensitivity", "a" * 32, 1.0, entry.reused), *outcome.stages))

    monkeypatch.setattr(MlflowClient, "log_artifacts", counting)
    run_inline(make_config(search={"trials": 4}), evaluate)
    assert [path for path in uploads if path] == ["sensitivity/aaaaaaaa"]
    (parent,), _ = runs_of()
    assert json.loads(artifact(parent, "sensitivity/aaaaaaaa/sensitivity.json")) == analysed.to_json()
    assert artifact(parent, "sensitivity/aaaaaaaa/sensitivity.csv").startswith("layer,ratio,units")
    names = {item.path for item in MlflowClient(workspace.tracking_uri).list_artifacts(parent.info.run_id)}
    assert "sensitivity" in names


def test_going_on_continues_the_same_runs(make_config, run_inline, runs_of) -> None:
    run_inline(make_config(search={"trials": 3}))
    before, children = runs_of()
    sweep = run_inline(make_config(search={"trials": 6}))
    parents, more = runs_of()
    check_mirror(sweep, parents, more)
    assert parents[0].info.run_id == before[0].info.run_id
    assert {number: more[number].info.run_id for number in children} == {n: r.info.run_id for n, r in children.items()}


def test_what_mlflow_has_lost_is_written_again(
    make_config, run_inline, analytic, workspace, tmp_path, runs_in, empty_mlflow
) -> None:
    config = make_config(search={"trials": 6})
    run_inline(config)
    bare = Workspace(tmp_path / "bare")
    shutil.copytree(workspace.studies, bare.studies)
    shutil.copyfile(empty_mlflow, bare.root / "mlflow.db")
    sweep = run_sweep(config, bare, executor=InlineExecutor(), evaluate=analytic)
    parents, children = runs_in(bare)
    check_mirror(sweep, parents, children)
    assert parents[0].data.metrics["trials_finished"] == 6
    assert parents[0].data.metrics["hypervolume"] == pytest.approx(sweep.state.hypervolume)
    client, parent = MlflowClient(bare.tracking_uri), parents[0].info.run_id
    progress = client.get_metric_history(parent, "hypervolume")
    assert [metric.step for metric in progress] == [1, 2, 3, 4, 5, 6]
    spent = [round(sum(compute_seconds(trial) for trial in sweep.trials[: count + 1])) for count in range(6)]
    by_compute = client.get_metric_history(parent, "hypervolume_by_compute_s")
    assert sorted(metric.step for metric in by_compute) == sorted(set(spent))
    assert max(by_compute, key=lambda metric: metric.step).value == pytest.approx(sweep.state.hypervolume)


def test_the_first_picture_of_the_front_is_where_the_ui_opens(make_config, run_inline, runs_of, workspace) -> None:
    client = MlflowClient(workspace.tracking_uri)

    def steps() -> list[int]:
        entries = client.list_artifacts(runs_of()[0][0].info.run_id, "images")
        return sorted(int(re.search(r"step\+(\d+)", e.path)[1]) for e in entries if e.path.endswith(".png"))

    run_inline(make_config(search={"trials": 2}))
    assert steps() == [0]
    for _ in range(2):  # going on shows where it stood; running a finished sweep again shows nothing new
        run_inline(make_config(search={"trials": 8}))
        assert steps() == [0, 2, 8]


def test_a_result_that_was_measured_again_is_written_again(make_config, run_inline, runs_of, workspace) -> None:
    config = make_config(search={"trials": 2})
    sweep = run_inline(config)
    old = sweep.trials[1]
    again = old.measured(replace(old.measurement, metrics={**old.metrics, "latency_ms": 9.0}))
    trials = [sweep.trials[0], again.finish(replace(again.result, finished=old.result.finished + 1))]
    with Tracker(
        config, workspace, read_study_id(workspace.sweep("small")), trials, SweepState.of(trials, config)
    ) as t:
        t.close("FINISHED")
    assert t.problem is None
    assert runs_of()[1][1].data.metrics["latency_ms"] == 9.0


def test_a_deleted_experiment_is_restored(make_config, run_inline, runs_of, workspace) -> None:
    run_inline(make_config(search={"trials": 2}))
    client = MlflowClient(workspace.tracking_uri)
    client.delete_experiment(client.get_experiment_by_name("small").experiment_id)
    sweep = run_inline(make_config(search={"trials": 3}))
    check_mirror(sweep, *runs_of())


def test_an_interrupted_sweep_is_killed_and_comes_back(make_config, run_inline, analytic, runs_of) -> None:
    seen = []

    def evaluate(recipe):
        seen.append(recipe)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return analytic(recipe)

    config = make_config(search={"trials": 5})
    with pytest.raises(KeyboardInterrupt):
        run_inline(config, evaluate)
    (parent,), children = runs_of()
    assert parent.info.status == "KILLED"
    assert [children[number].info.status for number in range(3)] == ["FINISHED", "FINISHED", "KILLED"]
    states = []

    def watch(recipe):
        deadline = time.monotonic() + 60
        while not states and (runs_of()[1][2].info.status != "RUNNING" and time.monotonic() < deadline):
            time.sleep(0.05)
        states.append(runs_of()[1][2].info.status)
        return analytic(recipe)

    sweep = run_inline(config, watch)
    assert states[0] == "RUNNING"
    parents, again = runs_of()
    check_mirror(sweep, parents, again)
    assert parents[0].info.run_id == parent.info.run_id
    assert again[2].info.run_id == children[2].info.run_id
    assert parents[0].info.status == "FINISHED"


def test_all_failed_is_failed(make_config, run_inline, runs_of, failing) -> None:
    run_inline(make_config(search={"trials": 2}), failing)
    (parent,), children = runs_of()
    assert parent.info.status == "FAILED"
    assert {run.info.status for run in children.values()} == {"FAILED"}


def test_fresh_sweeps_have_runs_of_their_own(make_config, run_inline, workspace) -> None:
    run_inline(make_config(search={"trials": 2}))
    run_inline(make_config(search={"trials": 2}), fresh=True)
    client = MlflowClient(workspace.tracking_uri)
    (experiment,) = [e for e in client.search_experiments() if e.name == "small"]
    runs = client.search_runs([experiment.experiment_id])
    parents = Counter(run.data.tags.get(PARENT, "none") for run in runs)
    assert sorted(parents.values()) == [2, 2, 2]


def test_a_server_that_is_away_does_not_stop_the_sweep(make_config, run_inline, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    sweep = run_inline(make_config(search={"trials": 4}, tracking={"uri": "http://127.0.0.1:9"}))
    assert sweep.state.complete == 4
    assert "127.0.0.1" in sweep.tracking_problem
    back = run_inline(make_config(search={"trials": 4}))
    assert back.tracking_problem is None
    assert back.trials == sweep.trials


class Flaky(MlflowClient):
    """Does what it is asked for, and sometimes the answer is lost."""

    calls = 0

    def _lost(self, answer):
        Flaky.calls += 1
        if Flaky.calls % 4 == 1:
            raise ConnectionError("the answer was lost")
        return answer

    def create_run(self, *arguments, **options):
        return self._lost(super().create_run(*arguments, **options))

    def log_batch(self, *arguments, **options):
        return self._lost(super().log_batch(*arguments, **options))


@pytest.mark.slow
def test_answers_that_are_lost_double_no_run(make_config, run_inline, runs_of, monkeypatch, workspace) -> None:
    monkeypatch.setattr(tracking, "MlflowClient", Flaky)
    config = make_config(search={"trials": 5})
    run_inline(config)
    assert Flaky.calls > 5
    monkeypatch.undo()
    monkeypatch.setenv("PAREDOWN_HOME", str(workspace.root))
    sweep = run_inline(config)
    assert sweep.tracking_problem is None
    check_mirror(sweep, *runs_of())


def test_nothing_of_mlflows_global_state_is_touched(run_inline, make_config) -> None:
    before = mlflow.get_tracking_uri()
    run_inline(parse_config(make_config(search={"trials": 1}).raw))
    assert mlflow.get_tracking_uri() == before
    assert mlflow.active_run() is None


@pytest.fixture
def silent_server(monkeypatch):
    """The address of a server that accepts and never answers."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_never_answers_is_told_of_before_the_trials_and_given_up_in_the_end(
    make_config, run_inline, analytic, silent_server, monkeypatch, caplog
) -> None:
    monkeypatch.setattr("search.tracking.tracker.FIRST_S", 0.1)
    monkeypatch.setattr("search.tracking.tracker.SILENCE_S", 0.1)
    told_before_trials = []

    def evaluate(recipe):
        told_before_trials.append(caplog.messages)
        return analytic(recipe)

    sweep = run_inline(make_config(search={"trials": 2}, tracking={"uri": silent_server}), evaluate)
    assert sweep.state.complete == 2
    message = f"MLflow at {silent_server}: no answer for 0 s; the sweep goes on and tries again after each trial"
    assert told_before_trials == [[message]] * 2
    assert sweep.tracking_problem == "no answer for 0 s"


def test_a_store_that_cannot_be_used_is_told_of_at_once_and_once(make_config, run_inline, caplog, tmp_path) -> None:
    uri = f"sqlite:///{tmp_path}/missing/mlflow.db"
    (tmp_path / "missing").write_text("no folder")
    sweep = run_inline(make_config(search={"trials": 3}, tracking={"uri": uri}))
    assert sweep.state.complete == 3
    (message,) = [message for message in caplog.messages if message.startswith("MLflow at")]
    assert message.startswith(f"MLflow at {uri}: ")
    assert message.endswith("; the sweep goes on and tries again after each trial")
    assert len(sweep.tracking_problem) <= 200


@pytest.mark.parametrize(
    ("took", "pause"), [(0.0, 60.0), (1.0, 59.0), (10.0, 190.0)], ids=["nothing", "little", "much"]
)
def test_what_takes_long_is_done_more_seldom(took, pause) -> None:
    assert due(100.0, 100.0 + took, 60.0) == pytest.approx(100.0 + took + pause)
