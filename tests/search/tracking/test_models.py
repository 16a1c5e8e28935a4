from pathlib import Path
from types import SimpleNamespace

import mlflow
import numpy as np
import onnx
import pytest
import torch
from mlflow.entities import Metric
from onnx import TensorProto, helper

from pipelines import Target, TrialFailed
from search.tracking.client import connect, experiment_id
from search.tracking.models import log_model, model_of

TASK = SimpleNamespace(example_input=lambda: torch.zeros(1, 3))


@pytest.fixture
def client(config, with_mlflow):
    return connect(config, with_mlflow)


@pytest.fixture
def run(client, config, workspace):
    """A trial's run with metrics of its file and others."""
    made = client.create_run(experiment_id(client, config, workspace), run_name="d2·ch0.5 50%")
    for name in ("accuracy", "seconds/trial"):
        client.log_batch(made.info.run_id, metrics=[Metric(name, 0.5, 1, 0)])
    return client.get_run(made.info.run_id)


@pytest.fixture
def file(tmp_path) -> Path:
    """A network that doubles its inputs."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["input", "input"], ["output"])],
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "network.onnx")
    return tmp_path / "network.onnx"


def test_the_file_becomes_a_model_byte_for_byte(client, run, file, workspace) -> None:
    assert model_of(client, run) is None
    logged = log_model(client, run, file, TASK, Target(), {"paredown.sweep": "small"})
    found = model_of(client, run)
    assert found.model_id == logged.model_id
    assert found.tags["paredown.sweep"] == "small"
    assert [(metric.key, metric.value) for metric in found.metrics] == [("accuracy", 0.5)]
    folder = Path(found.artifact_location.removeprefix("file://"))
    assert (folder / "model.onnx").read_bytes() == file.read_bytes()
    loaded = mlflow.pyfunc.load_model(str(folder))
    np.testing.assert_array_equal(loaded.predict({"input": np.ones((1, 3), np.float32)})["output"], [[2, 2, 2]])


def test_what_cannot_be_finished_leaves_no_model(client, run, file, monkeypatch) -> None:
    def fail(*_, **__):
        raise OSError("no route to the server")

    monkeypatch.setattr(client, "log_model_artifacts", fail)
    with pytest.raises(OSError, match="no route"):
        log_model(client, run, file, TASK, Target(), {})
    assert client.search_logged_models([run.info.experiment_id]) == []


def test_a_file_that_the_runtime_refuses_is_no_model(client, run, file) -> None:
    file.write_bytes(b"not a network")
    with pytest.raises(TrialFailed, match="cannot load the file"):
        log_model(client, run, file, TASK, Target(), {})
    assert client.search_logged_models([run.info.experiment_id]) == []
