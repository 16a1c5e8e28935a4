"""Models of the front and the registry: on the embedded store, on a tracking server, and on one with PostgreSQL."""

import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import mlflow
import numpy as np
import onnx
import pytest
from mlflow.tracking import MlflowClient
from onnx import TensorProto, helper

from pipelines import Evaluation, StageRun, Store
from pipelines.formats.onnx_format import MODEL
from search.errors import SweepError
from search.study.saved import sweep_evaluator
from search.tracking import trial_run as child
from search.tracking.client import NUMBER, PARENT, PARETO, tracking_uri
from search.tracking.models import model_of
from search.tracking.registry import parse_name, register
from spaces import InputError, digest


def write_network(path: Path, scale: float) -> None:
    """A file that takes a digit's image and gives ten logits: the first ten pixels times `scale`."""
    weight = np.zeros((64, 10), dtype=np.float32)
    weight[np.arange(10), np.arange(10)] = scale
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["input"], ["flat"]), helper.make_node("MatMul", ["flat", "weight"], ["output"])],
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 10])],
        [helper.make_tensor("weight", TensorProto.FLOAT, weight.shape, weight.flatten())],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.fixture
def shipping(analytic, workspace):
    """The analytic work, with a file in the store for each recipe."""

    def evaluate(recipe):
        outcome = analytic(recipe)
        key = digest({"file": recipe.to_list()})
        Store(workspace.store).compute(key, lambda folder: write_network(folder / MODEL, len(recipe.steps) + 1.0), {})
        stages = (*outcome.stages, StageRun("export", key, 0.5, False))
        return Evaluation(outcome.measurement, stages, key)

    return evaluate


@contextmanager
def serving(command: list[str], address: str):
    """A server that answers at `address`, ended with all that it started."""
    with tempfile.TemporaryFile() as log:
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    urllib.request.urlopen(address, timeout=5).close()
                    break
                except OSError:
                    log.seek(0)
                    assert server.poll() is None, log.read().decode()
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
            yield
        finally:
            server.terminate()
            server.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def mlflow_server(folder: Path, store: str):
    """A real tracking server with artifacts of its own; gives its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts"), "--port", str(port)]
    with serving(command, f"{address}/health"):
        yield address


def postgresql_binary(name: str) -> str | None:
    """PostgreSQL's program `name`: on the path, or where Debian puts it."""
    return shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)


@contextmanager
def postgresql():
    """A PostgreSQL server of our own, run by an ordinary user as it demands; gives the address of its database."""
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        data, port = f"{folder}/data", free_port()
        options = ["-D", data, "-U", "paredown", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        run = {"cwd": folder, "stdout": subprocess.DEVNULL, **user}
        subprocess.run([postgresql_binary("initdb"), *options], check=True, **run)
        quick = ["-F", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "listen_addresses=127.0.0.1"]
        command = [postgresql_binary("postgres"), "-D", data, "-p", str(port), "-k", folder, *quick]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL, **run)
        try:
            deadline = time.monotonic() + 60
            while subprocess.run([postgresql_binary("pg_isready"), "-h", folder, "-p", str(port)], **run).returncode:
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield f"postgresql+psycopg2://paredown@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(timeout=60)


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("server", marks=pytest.mark.slow),
        pytest.param("server on postgresql", marks=pytest.mark.slow),
    ]
)
def uri(request, tmp_path):
    """Where MLflow keeps a sweep: nothing for the workspace's own store, or the address of a server."""
    with ExitStack() as stack:
        if request.param == "embedded":
            yield None
            return
        store = f"sqlite:///{tmp_path / 'server.db'}"
        if request.param == "server on postgresql":
            if not all(map(postgresql_binary, ("initdb", "postgres", "pg_isready"))):
                pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
            store = stack.enter_context(postgresql())
        yield stack.enter_context(mlflow_server(tmp_path, store))


def test_a_sweep_is_whole_in_mlflow_and_a_pick_of_it_is_registered(
    uri, make_config, run_inline, shipping, workspace
) -> None:
    config = make_config(search={"trials": 10}, **({"tracking": {"uri": uri}} if uri else {}))
    sweep = run_inline(config, shipping)
    assert sweep.tracking_problem is None
    client = MlflowClient(tracking_uri(config, workspace))
    experiment = client.get_experiment_by_name("small")
    runs = client.search_runs([experiment.experiment_id])
    parent = next(run for run in runs if PARENT not in run.data.tags)
    children = {int(run.data.tags[NUMBER]): run for run in runs if PARENT in run.data.tags}
    assert sorted(children) == list(range(10))
    for trial in sweep.trials:
        assert children[trial.number].data.params == child.params(trial, config)
        assert children[trial.number].data.metrics == pytest.approx(child.metrics(trial, config))
    assert {entry.path for entry in client.list_artifacts(parent.info.run_id)} == {
        *("config.yaml", "front.csv", "images", "parallel.png", "pareto.html"),
    }
    assert parent.info.status == "FINISHED"
    assert [data.dataset.name for data in parent.inputs.dataset_inputs] == ["digits"]
    assert any(name.startswith("mlflow.sharedViewState.") for name in experiment.tags)

    front = {trial.number: trial for trial in sweep.state.front.members}
    assert {number for number, run in children.items() if run.data.tags[PARETO] == "true"} == set(front)
    models = {number: model_of(client, run) for number, run in children.items()}
    assert {number for number, model in models.items() if model} == set(front)

    chosen = sweep.state.front.members[0]
    file = Store(workspace.store).get(chosen.model) / MODEL
    evaluator = sweep_evaluator(config, workspace)
    version = register(config, workspace, chosen, file, evaluator, "small-cpu", "champion", test_accuracy=0.875)
    assert len(client.search_logged_models([experiment.experiment_id])) == len(front)  # not logged a second time
    found = client.get_model_version_by_alias("small-cpu", "champion")
    assert (int(found.version), found.run_id) == (version, children[chosen.number].info.run_id)
    assert found.tags["paredown.sweep"] == "small"
    assert found.tags["paredown.trial"] == str(chosen.number)
    assert float(found.tags["metric.size_mb"]) == pytest.approx(chosen.metrics["size_mb"], rel=1e-4)
    assert found.tags["test_accuracy"] == "0.875"
    assert f"Trial {chosen.number} of the Paredown sweep `small`" in found.description
    assert "test accuracy 0.875" in found.description

    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(tracking_uri(config, workspace))
        loaded = mlflow.pyfunc.load_model("models:/small-cpu@champion")
        folder = mlflow.artifacts.download_artifacts("models:/small-cpu@champion")
    finally:
        mlflow.set_tracking_uri(before)
    assert Path(folder, "model.onnx").read_bytes() == file.read_bytes()
    image = np.arange(64, dtype=np.float32).reshape(1, 1, 8, 8)
    scale = len(chosen.recipe.steps) + 1.0
    assert loaded.predict({"input": image})["output"] == pytest.approx(scale * np.arange(10).reshape(1, 10))
    assert loaded.metadata.signature.inputs.input_names() == ["input"]
    assert loaded.metadata.get_input_schema().inputs[0].shape == (-1, 1, 8, 8)


def test_running_again_logs_no_model_twice(make_config, run_inline, shipping, workspace) -> None:
    config = make_config(search={"trials": 6})
    sweep = run_inline(config, shipping)
    client = MlflowClient(workspace.tracking_uri)
    (experiment,) = [e.experiment_id for e in client.search_experiments() if e.name == "small"]
    before = {model.model_id for model in client.search_logged_models([experiment])}
    assert len(before) == len(sweep.state.front.members)
    run_inline(config, shipping)
    assert {model.model_id for model in client.search_logged_models([experiment])} == before


def test_what_is_not_on_the_front_is_logged_when_it_is_registered(
    make_config, run_inline, shipping, workspace, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = make_config(search={"trials": 6})
    sweep = run_inline(config, shipping)
    other = next(trial for trial in sweep.trials if trial.number not in sweep.state.front)
    file = Store(workspace.store).get(other.model) / MODEL
    evaluator = sweep_evaluator(config, workspace)
    assert register(config, workspace, other, file, evaluator, "small-cpu", "challenger") == 1
    assert register(config, workspace, other, file, evaluator, "small-cpu", "challenger") == 2
    client = MlflowClient(workspace.tracking_uri)
    version = client.get_model_version_by_alias("small-cpu", "challenger")
    assert int(version.version) == 2
    assert "test_accuracy" not in version.tags
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.end_time == int(other.result.finished * 1000)
    assert model_of(client, run).metrics
    assert not (tmp_path / "mlflow.db").exists()  # where MLflow would look by default


def test_a_trial_that_mlflow_does_not_have_is_told(make_config, run_inline, shipping, workspace, empty_mlflow) -> None:
    config = make_config(search={"trials": 2})
    sweep = run_inline(config, shipping)
    shutil.copyfile(empty_mlflow, workspace.root / "mlflow.db")
    with pytest.raises(SweepError, match="trial 0 is not in MLflow; run the sweep again"):
        register(config, workspace, sweep.trials[0], Path("none"), sweep_evaluator(config, workspace), "a", "b")


@pytest.mark.parametrize("text", ["name", "@alias", "name@", "a/b@c", "a@b@c", "a'b@c"])
def test_other_forms_of_a_name_are_refused(text) -> None:
    with pytest.raises(InputError, match="is not NAME@ALIAS, such as digits-cpu@champion"):
        parse_name(text)
    assert parse_name("digits cpu@champion-2") == ("digits cpu", "champion-2")
