from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from pipelines import STEPS, Training, run_recipe
from pipelines.forecast import has_known_structure
from pipelines.store import Store
from pipelines.tasks.digits import Digits, network
from pipelines.training.context import Context
from spaces import Recipe

DISTIL = {"distil": {"depth": 1, "alpha": 0.5}}


def recipe(*steps: dict) -> Recipe:
    return Recipe.from_list(list(steps), STEPS)


KNOWN = {
    "teacher": recipe(),
    "student": recipe(DISTIL),
    "dynamic": recipe(DISTIL, {"quantize": {"scheme": "dynamic-int8"}}),
    "static": recipe(DISTIL, {"quantize": {"scheme": "static-int8", "calibrator": "percentile"}}),
    "qat": recipe(DISTIL, {"prune": {"ratio": 0.5, "steps": 2}}, {"quantize": {"scheme": "qat-int8"}}),
    "zeros": recipe(
        DISTIL,
        {"prune": {"method": "unstructured", "ratio": 0.9, "scope": "global"}},
        {"quantize": {"scheme": "weight-int8"}},
    ),
    "n:m": recipe(DISTIL, {"prune": {"method": "n:m"}}, {"quantize": {"scheme": "weight-int4"}}),
    "halves": recipe({"prune": {"ratio": 0.5, "importance": "random"}}, {"quantize": {"scheme": "fp16"}}),
}
UNKNOWN = {
    "global": recipe({"prune": {"ratio": 0.5, "scope": "global"}}),
    "sensitivity": recipe(DISTIL, {"prune": {"method": "heads", "ratio": 0.5, "scope": "sensitivity"}}),
    "blocks": recipe({"prune": {"method": "blocks", "ratio": 0.5}}),
    "cluster": recipe({"quantize": {"scheme": "palettize"}}),
    "nncf": recipe({"quantize": {"scheme": "nncf-int8"}}),
    "some layers": recipe(DISTIL, {"quantize": {"scheme": "static-int8", "keep_float": 0.25}}),
}


class Small(Digits):
    """Digits in networks that take a moment; every bias begins at zero and every normalization alike."""

    def teacher(self) -> nn.Module:
        return network(1, 32)

    def batches(self, split: str) -> list:
        return list(super().batches(split))[:2]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def context() -> Context:
    training = Training(teacher_epochs=1, student_epochs=2, finetune_epochs=2, qat_epochs=1)
    return Context(Small(), "small", training, seed=0, device=torch.device("cpu"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_a_known_structure_is_that_of_the_trained_file(known: Recipe, context: Context, store: Store) -> None:
    assert has_known_structure(known)
    untrained, trained = (run_recipe(known, replace(context, fidelity=share), store).file for share in (0.0, 1.0))
    assert structure(untrained) == structure(trained)
    assert untrained.stat().st_size == trained.stat().st_size
    assert (untrained.read_bytes() == trained.read_bytes()) is (known == Recipe())


def structure(file: Path) -> tuple[list, list]:
    graph = onnx.load(file).graph
    nodes = [(node.op_type, list(node.input), list(node.output)) for node in graph.node]
    return nodes, [(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in graph.initializer]


@pytest.mark.parametrize("unknown", UNKNOWN.values(), ids=UNKNOWN)
def test_what_depends_on_weights_is_not_known(unknown: Recipe) -> None:
    assert not has_known_structure(unknown)
