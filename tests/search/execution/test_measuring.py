"""Measuring elsewhere: from the bytes of files, in a process that has no torch."""

import os
import pickle
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pipelines import Target
from pipelines.bench.answer import Failure
from pipelines.bench.conditions import WHERE
from pipelines.measurement import Measurement
from search.execution.measuring import Order, measure_files

FEED = {"input": np.zeros((1, 4), np.float32)}

WITHOUT = """
import pickle
import sys


class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "optuna", "mlflow", "onnx", "pandas", "pydantic", "scipy", "sklearn"):
            raise ImportError(f"{name} is not installed on this machine")


sys.meta_path.insert(0, Nothing())
function, arguments = pickle.loads(sys.stdin.buffer.read())
print(sorted(function(*arguments).answer.metrics))
"""


def order(own: str, reference: str, parent: str, **changes) -> Order:
    keys = tuple(dict.fromkeys((own, reference, parent)))
    return Order(own, reference, parent, keys, "model.onnx", "onnx", Target(), **changes)


@pytest.fixture
def file() -> bytes:
    """A network that does next to nothing."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("input", "output")]
    graph = helper.make_graph([helper.make_node("Relu", ["input"], ["output"])], "small", ends[:1], ends[1:])
    opset = helper.make_opsetid("", 18)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


def test_a_process_without_torch_measures_what_it_is_sent(file: bytes) -> None:
    sent = pickle.dumps((measure_files, (order("a", "b", "b"), FEED, file, file)))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        input=sent,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert b"'latency_ms', 'latency_ratio', 'latency_vs_parent'" in done.stdout, done.stderr.decode()


def test_it_says_where_and_leaves_its_process_as_it_was(file: bytes) -> None:
    before = os.sched_getaffinity(0)
    own = min(before)
    answered = measure_files(order("a", "a", "a", processors=(own,)), FEED, file)
    assert isinstance(answered.answer, Measurement)
    assert answered.answer.notes[WHERE] == f"{platform.node()}, processors {own}, which no training uses"
    assert answered.seconds > 0
    assert os.sched_getaffinity(0) == before


def test_a_file_that_does_not_run_there_is_told_with_the_runtimes_reason() -> None:
    answered = measure_files(order("a", "a", "a"), FEED, b"not a network")
    assert isinstance(answered.answer, Failure)
    assert answered.answer.reason.startswith("ONNX Runtime cannot load the file")
