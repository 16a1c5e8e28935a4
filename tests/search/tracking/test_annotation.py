import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from search.analysis.pareto_probability import ParetoProbability
from search.analysis.post_hoc import PostHoc
from search.tracking.annotation import Annotation, annotate
from search.tracking.client import NUMBER, PARENT


@pytest.fixture
def sweep(make_config, run_inline):
    return run_inline(make_config(search={"trials": 4}))


@pytest.fixture
def runs_of(workspace):
    def read():
        client = MlflowClient(workspace.tracking_uri)
        runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
        (parent,) = [run for run in runs if PARENT not in run.data.tags]
        return parent, {int(run.data.tags[NUMBER]): run for run in runs if PARENT in run.data.tags}

    return read


def test_it_stands_on_the_runs_of_its_trials(sweep, workspace, runs_of, tmp_path) -> None:
    post_hoc = PostHoc(ParetoProbability({0: 0.75, 1: 0.25}), ())
    added = Annotation({1: {"remeasured/latency_ms": 3.5}}, {0: {"confirm": "yes"}}, {"measurements/a.csv": "x,y\n"})
    assert annotate(sweep, workspace, post_hoc, added) is None
    parent, children = runs_of()
    assert {n: run.data.metrics.get("p_front") for n, run in children.items()} == {0: 0.75, 1: 0.25, 2: None, 3: None}
    assert children[1].data.metrics["remeasured/latency_ms"] == 3.5
    assert children[0].data.tags["confirm"] == "yes"
    assert {run.info.status for run in children.values()} == {"FINISHED"}
    client = MlflowClient(workspace.tracking_uri)
    table, page = (
        Path(client.download_artifacts(parent.info.run_id, name, str(tmp_path))).read_text(encoding="utf-8")
        for name in ("measurements/a.csv", "pareto.html")
    )
    assert table == "x,y\n"
    data = json.loads(re.search(r"const data = (\{.*\});", page)[1])
    assert [trial.get("p") for trial in data["trials"]] == [0.75, 0.25, None, None]


def test_a_probability_that_is_gone_becomes_zero(sweep, workspace, runs_of) -> None:
    annotate(sweep, workspace, PostHoc(ParetoProbability({2: 1.0}), ()), Annotation())
    annotate(sweep, workspace, PostHoc(ParetoProbability({1: 1.0}), ()), Annotation())
    _, children = runs_of()
    assert {n: run.data.metrics.get("p_front") for n, run in children.items()} == {0: None, 1: 1.0, 2: 0.0, 3: None}


def test_a_server_that_is_away_is_told_and_not_raised(sweep, workspace, make_config, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = replace(sweep, config=make_config(tracking={"uri": "http://127.0.0.1:9"}))
    assert "127.0.0.1" in annotate(away, workspace, PostHoc(ParetoProbability({}), ()), Annotation())


def test_a_sweep_that_mlflow_does_not_know_is_told(sweep, workspace, empty_mlflow) -> None:
    shutil.copyfile(empty_mlflow, workspace.root / "mlflow.db")
    problem = annotate(sweep, workspace, PostHoc(ParetoProbability({}), ()), Annotation())
    assert problem == "LookupError: the sweep has no run there; run it again to bring MLflow up to date"
