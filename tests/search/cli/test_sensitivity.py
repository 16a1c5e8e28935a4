import json

import pytest
from mlflow.tracking import MlflowClient

from pipelines.stages import AnalyseSensitivity

QUICK = ("-o", "training.teacher_epochs=1", "-o", "training.student_epochs=1")


@pytest.fixture
def sweep_file(write_yaml, make_raw):
    return write_yaml(make_raw())


def test_it_shows_writes_and_logs_the_table_and_takes_it_from_the_store(
    cli_run, sweep_file, with_mlflow, tmp_path, monkeypatch
) -> None:
    code, out, err = cli_run("sensitivity", sweep_file, *QUICK, "--student", 1, "--ratios", "0.5")
    assert code == 0
    assert "small: sensitivity of d1 to" in " ".join(out.split())
    assert "[1/2] layer" in err
    assert "MLflow does not have it" not in err

    def impossible(*_) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(AnalyseSensitivity, "run", impossible)
    again = ("sensitivity", sweep_file, *QUICK, "--student", 1, "--ratios", "0.5")
    code, out, err = cli_run(*again, "--json")
    data = json.loads(out)
    assert (code, data["network"], data["method"]) == (0, "d1", "channel")
    assert {row["ratio"] for row in data["rows"]} == {0.5}
    (run,) = MlflowClient(with_mlflow.tracking_uri).search_runs(
        [MlflowClient(with_mlflow.tracking_uri).get_experiment_by_name("small").experiment_id]
    )
    assert run.info.run_id == data["mlflow_run"]
    code, out, err = cli_run(*again, "--csv", tmp_path / "a.csv", "--plot", tmp_path / "a.png")
    assert (code, out) == (0, "")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").count("\n") == 1 + len(data["rows"])
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_server_that_is_away_is_said_and_no_failure(cli_run, sweep_file, workspace, monkeypatch) -> None:
    def away(*_) -> None:
        raise ConnectionError("nobody there")

    monkeypatch.setattr("search.tracking.sensitivity_run.log_sensitivity", away)
    code, out, err = cli_run("sensitivity", sweep_file, *QUICK, "--student", 1, "--ratios", "0.5", "--json")
    assert code == 0
    assert json.loads(out)["mlflow_run"] is None
    assert "MLflow does not have it (ConnectionError: nobody there); run the same command again to log it" in err


def test_everything_wrong_is_told_at_once_before_anything_starts(cli_run, sweep_file, workspace) -> None:
    code, out, err = cli_run(
        *("sensitivity", sweep_file, "--method", "chanel", "--importance", "l7", "--ratios", "0.5,x,2,0.5"),
        *("--plot", "absent/a.xyz", "--csv", "absent/a.csv", "-o", "search.trails=3"),
    )
    assert (code, out) == (2, "")
    for part in (
        "--method: 'chanel' is not known (did you mean 'channel'?)",
        "--importance: 'l7' is not known",
        "--ratios: 'x' is not a number; write numbers with commas: 0.25,0.5",
        "--ratios: 2 is out of range; legal: a number > 0 and < 1",
        "--ratios: 0.5 is given twice",
        "--csv: folder absent does not exist",
        "--plot: .xyz is no format of pictures",
        "search.trails",
    ):
        assert part in err
    assert "Traceback" not in err
    assert not workspace.root.exists()


def test_a_student_that_does_not_exist_is_wrong_input(cli_run, sweep_file, workspace) -> None:
    code, _, err = cli_run("sensitivity", sweep_file, "--student", 9)
    assert code == 2
    assert "--student: student(9): ValueError: a digits student has 1 to 3 blocks, not 9" in err
    assert not workspace.root.exists()
