import shutil

import pytest
from mlflow.tracking import MlflowClient

from search.study.workspace import Workspace
from search.tracking.client import PARENT, STUDY, connect, experiment_id, study_runs, tracking_uri


@pytest.fixture
def client(config, with_mlflow) -> MlflowClient:
    return connect(config, with_mlflow)


def test_a_sweep_is_kept_in_the_workspace_unless_it_names_a_server(make_config, workspace) -> None:
    assert tracking_uri(make_config(), workspace) == workspace.tracking_uri
    assert tracking_uri(make_config(tracking={"uri": "http://here:5000"}), workspace) == "http://here:5000"


def test_an_experiment_is_made_once(client, config, workspace) -> None:
    first = experiment_id(client, config, workspace)
    assert experiment_id(client, config, workspace) == first
    experiment = client.get_experiment(first)
    assert experiment.name == "small"
    assert experiment.artifact_location == (workspace.artifacts / "small").as_uri()


def test_an_experiment_that_was_deleted_comes_back(client, config, workspace) -> None:
    first = experiment_id(client, config, workspace)
    client.delete_experiment(first)
    assert experiment_id(client, config, workspace) == first
    assert client.get_experiment(first).lifecycle_stage == "active"


def test_the_runs_of_a_study_are_its_own_and_may_be_fewer(client, config, workspace) -> None:
    experiment = experiment_id(client, config, workspace)
    parent = client.create_run(experiment, tags={STUDY: "mine"}).info.run_id
    child = client.create_run(experiment, tags={STUDY: "mine", PARENT: parent}).info.run_id
    client.create_run(experiment, tags={STUDY: "another's"})
    assert {run.info.run_id for run in study_runs(client, experiment, "mine")} == {parent, child}
    below = study_runs(client, experiment, "mine", f"tags.`{PARENT}` = '{parent}'")
    assert [run.info.run_id for run in below] == [child]


@pytest.mark.parametrize("name", ["a b", "a%20b", "a?b", "a#b", "ä€"])
@pytest.mark.parametrize("experiment", ["../out/../x ü", "a/b"])
def test_runs_and_artifacts_stay_in_the_workspace_whatever_its_path_is(
    make_config, tmp_path, empty_mlflow, name, experiment
) -> None:
    workspace = Workspace(tmp_path / name)
    workspace.root.mkdir()
    shutil.copyfile(empty_mlflow, workspace.tracking_file)
    config = make_config(tracking={"experiment": experiment})
    client = connect(config, workspace)
    run = client.create_run(experiment_id(client, config, workspace))
    client.log_text(run.info.run_id, "found", "deep/note.txt")
    (tmp_path / "copy").mkdir()
    copy = client.download_artifacts(run.info.run_id, "deep/note.txt", str(tmp_path / "copy"))
    with open(copy, encoding="utf-8") as stream:
        assert stream.read() == "found"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "copy"])
    assert [path.name for path in workspace.artifacts.rglob("*.txt")] == ["note.txt"]
    assert client.get_experiment_by_name(experiment).name == experiment
