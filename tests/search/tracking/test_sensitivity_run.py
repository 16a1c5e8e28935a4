import json

from mlflow.tracking import MlflowClient

from search.tracking.sensitivity_run import KEY, KIND, log_sensitivity


def test_an_analysis_is_one_tagged_run_with_its_table_and_picture(config, with_mlflow, analysed, tmp_path) -> None:
    params = {"method": "channel", "network": "teacher"}
    first = log_sensitivity(config, with_mlflow, "a title", analysed, "k" * 32, params)
    assert log_sensitivity(config, with_mlflow, "a title", analysed, "k" * 32, params) == first
    client = MlflowClient(with_mlflow.tracking_uri)
    experiment = client.get_experiment_by_name("small")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_id, run.info.run_name, run.info.status) == (first, "a title", "FINISHED")
    assert (run.data.tags[KIND], run.data.tags[KEY]) == ("sensitivity", "k" * 32)
    assert run.data.params == params
    assert run.data.metrics == {"accuracy_calibration": 0.9}
    assert {item.path for item in client.list_artifacts(first)} == {
        *("sensitivity.csv", "sensitivity.json", "sensitivity.png", "sensitivity_table.json")
    }
    with open(client.download_artifacts(first, "sensitivity_table.json"), encoding="utf-8") as stream:
        table = json.load(stream)
    assert table["columns"][:2] == ["layer", "ratio"]
    assert len(table["data"]) == len(analysed.rows)


def test_a_run_that_was_not_finished_does_not_count(config, with_mlflow, analysed) -> None:
    first = log_sensitivity(config, with_mlflow, "a title", analysed, "k" * 32, {})
    MlflowClient(with_mlflow.tracking_uri).set_terminated(first, "KILLED")
    assert log_sensitivity(config, with_mlflow, "a title", analysed, "k" * 32, {}) != first
