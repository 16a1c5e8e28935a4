from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipelines import Target
from pipelines.errors import TrialFailed
from pipelines.lease import Lease
from pipelines.meters.agreement import EXAMPLES, agreement, check_runtime
from pipelines.runtimes import RUNTIMES


def session(*moved) -> SimpleNamespace:
    """A session with an output for each of `moved`, which is added to the input."""

    def run_all(feed):
        return {str(index): feed["input"] + np.float32(each) for index, each in enumerate(moved)}

    return SimpleNamespace(run_all=run_all)


@pytest.fixture
def candidate(tmp_path):
    """A file that adds something to what its parent gives, which is the input."""

    def make(add, batches) -> SimpleNamespace:
        def load(artifact):
            moved = add if artifact == "own" else 0.0
            return session(moved)

        task = SimpleNamespace(batches=lambda split: batches)
        lease = Lease(folder=tmp_path)
        return SimpleNamespace(artifact="own", parent="parent", load=load, task=task, target=Target(), lease=lease)

    return make


def test_the_noise_is_the_power_of_the_difference(candidate) -> None:
    inputs = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    found = agreement(candidate([0.0, 1.0], [(inputs, torch.zeros(2))]))
    assert (found.noise, found.examples) == (0.5, 2)
    # (1, -1) becomes (1, 0), and (-1, 1) becomes (-1, 2): the largest stays the largest.
    assert found.same == 1.0
    assert agreement(candidate([0.0, 3.0], [(inputs, torch.zeros(2))])).same == 0.5


def test_of_several_outputs_the_worst_counts(candidate) -> None:
    given = candidate(0.0, [(torch.ones(4, 2), None)])
    given.load = lambda artifact: session(0.0, 1.0 if artifact == "own" else 0.0)
    assert agreement(given).noise == 1.0
    assert agreement(given).same == 1.0


def test_outputs_that_are_no_rows_of_scores_have_no_largest(candidate) -> None:
    assert agreement(candidate(0.0, [(torch.ones(4, 1), None)])).same is None
    assert agreement(candidate(0.0, [(torch.ones(4, 2, 2), None)])).same is None


def test_no_more_examples_are_compared_than_it_takes(candidate) -> None:
    batches = ((torch.ones(40, 2), None) for _ in range(9))
    assert agreement(candidate(0.0, batches)).examples == EXAMPLES
    assert len(list(batches)) == 7


def gives(add: float) -> SimpleNamespace:
    """A runtime whose sessions add something to their input."""
    return SimpleNamespace(name="elsewhere", devices=("cpu",), load=lambda artifact, target: session(add))


def run_in(runtime: SimpleNamespace, folder) -> None:
    task = SimpleNamespace(batches=lambda split: [(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), None)])
    artifact, lease = SimpleNamespace(format="onnx"), Lease(folder=folder)
    load = lambda artifact: runtime.load(artifact, None)  # noqa: E731
    check_runtime(SimpleNamespace(runtime=runtime, artifact=artifact, load=load, task=task, lease=lease))


def test_a_file_that_does_something_else_in_the_target_runtime_fails(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(RUNTIMES, "onnxruntime", SimpleNamespace(**{**vars(gives(0.0)), "name": "onnxruntime"}))
    run_in(gives(0.1), tmp_path)  # rounding differs from kernel to kernel
    with pytest.raises(TrialFailed) as failure:
        run_in(gives(1.0), tmp_path)
    assert failure.value.reason == (
        "elsewhere does something else with the file than onnxruntime: outputs of 2 examples differ by 100% of their "
        "power; use another technique, or another target.runtime"
    )


def test_the_runtime_that_files_are_compared_in_is_not_asked_twice(tmp_path) -> None:
    def refuse(artifact, target):
        raise AssertionError("loaded")

    run_in(SimpleNamespace(name="onnxruntime", devices=("cpu",), load=refuse), tmp_path)
