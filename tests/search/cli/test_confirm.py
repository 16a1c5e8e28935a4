import json

import pytest
from mlflow.tracking import MlflowClient

from search.analysis import confirmation
from search.execution.executor import InlineExecutor
from search.tracking.client import NUMBER, PARENT


@pytest.fixture
def sweep(make_config, run_inline, analytic, monkeypatch):
    """A finished sweep whose trials are made again with `analytic`, in this process."""

    made_again = confirmation.confirm

    def confirm(*arguments, **options):
        return made_again(*arguments, executor=InlineExecutor(), evaluate=lambda seed: analytic, **options)

    monkeypatch.setattr(confirmation, "confirm", confirm)
    return run_inline(make_config(search={"trials": 6}))


def test_it_tells_what_survives(sweep, cli_run, workspace) -> None:
    members = [trial.number for trial in sweep.state.front.members]
    code, out, err = cli_run("confirm", "small", "--seeds", "2")
    assert code == 0, err
    assert "Made again with seeds 1, 2" in out
    assert out.count("2 of 2") == len(members)
    assert err.count("seed 1 trial ") == err.count("seed 2 trial ") == len(members)
    assert f"[{2 * len(members)}/{2 * len(members)}]" in err
    client = MlflowClient(workspace.tracking_uri)
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    (parent,) = [run for run in runs if PARENT not in run.data.tags]
    assert "confirm.json" in {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}
    for run in runs:
        if PARENT in run.data.tags and int(run.data.tags[NUMBER]) in members:
            assert run.data.tags["confirm"] == "on the front with 2 of 2 seeds"
            assert run.data.metrics["confirm/survived"] == 2
            assert run.data.metrics["confirm/accuracy_mean"] == pytest.approx(run.data.metrics["accuracy"])
            assert run.data.metrics["confirm/accuracy_spread"] == pytest.approx(0)


def test_as_one_json_document(sweep, cli_run) -> None:
    number = sweep.state.front.members[0].number
    code, out, err = cli_run("confirm", "small", "--seeds", "2", "--trials", "0", "--trials", number, "--json")
    assert code == 0, err
    data = json.loads(out)
    assert data["seeds"] == [1, 2]
    assert [trial["trial"] for trial in data["trials"]] == list(dict.fromkeys([0, number]))
    first = data["trials"][0]
    assert first["mean"] == pytest.approx(first["recorded"])
    assert set(first["repeats"]) == {"1", "2"}
    assert first["repeats"]["1"]["reason"] == ""


def test_unknown_trials_are_told(sweep, cli_run) -> None:
    code, out, err = cli_run("confirm", "small", "--trials", "0", "--trials", "77", "--trials", "78")
    assert (code, out) == (2, "")
    assert "--trials: 77, 78: not complete trials of 'small'" in err


def test_an_empty_front_is_told(make_config, run_inline, cli_run, failing) -> None:
    run_inline(make_config(search={"trials": 1}), failing)
    code, _, err = cli_run("confirm", "small")
    assert code == 1
    assert "the front is empty" in err
