import shutil

import pytest

from search.study.workspace import Workspace
from search.tracking.client import connect, experiment_id


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
