"""The smallest members of the zoo: each pruner cuts them, or says why not; and what the zoo makes of its findings."""

import copy
import json
from pathlib import Path

import pytest
import torch

from benchmarks.zoo import _by_technique, table
from benchmarks.zoo_networks import NETWORKS, Zoo
from pipelines.importances import L2
from pipelines.pruners import PRUNERS, PruningRequest
from spaces import Problem

CUT = {
    "cnn_1d": {"channel", "unstructured", "n:m"},
    "lstm": {"channel", "unstructured", "n:m"},
    "gru": {"channel", "unstructured", "n:m"},
    "ssd": {"channel", "unstructured", "n:m"},
}


@pytest.mark.parametrize("name", CUT)
def test_a_technique_that_says_it_can_cut_does_so(name: str) -> None:
    task = Zoo(name)
    model, example, done = task.teacher().eval(), task.example_input(), set()
    for method, pruner in PRUNERS.items():
        if pruner.problem(model, example) is None:
            network = copy.deepcopy(model)
            pruner.prune(network, PruningRequest(example, 0.5, pruner.sizes(network, example), L2()))
            assert network(example).shape == model(example).shape
            assert any(
                one.shape != other.shape or not torch.equal(one, other)
                for one, other in zip(network.parameters(), model.parameters(), strict=True)
            )
            done.add(method)
    assert done == CUT[name]


def test_a_network_is_the_same_each_time() -> None:
    assert {*CUT} <= {*NETWORKS}
    one, other = (Zoo("gru").teacher().state_dict() for _ in range(2))
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    ("problem", "found"),
    [
        (Problem("space.pruning.method", "heads: no head; take it out of the axis"), {"heads": "no head"}),
        (Problem("task.use", "no: data"), {"heads": "task.use: no: data", "ffn": "task.use: no: data"}),
    ],
    ids=["of one technique", "of all"],
)
def test_problems_are_those_of_the_techniques_that_they_name(problem: Problem, found: dict[str, str]) -> None:
    assert dict(_by_technique(problem, ["heads", "ffn"])) == found


def test_the_table_counts_and_gives_reasons(tmp_path: Path) -> None:
    row = {
        "channel": {"status": "ok", "size": 0.5, "latency": 0.75, "agreement": 1.0},
        "heads": {"status": "refused", "reason": "no attention"},
        "fp16": {"status": "ok", "size": 0.5, "latency": 1.25, "agreement": 1.0, "sqnr_db": 61.6},
    }
    (tmp_path / "gru.json").write_text(json.dumps(row))
    assert table(tmp_path, ["gru", "lstm"], ["channel", "heads", "fp16"]).splitlines() == [
        "| network | channel | heads | fp16 |",
        "|---|---|---|---|",
        "| gru | 0.50 0.75 1.00 | refused | 0.50 1.25 62 |",
        "| lstm |  |  |  |",
        "",
        "2 ok, 1 refused, 0 FAILED, 3 not tried; ok cells: size, latency and agreement as shares of the fp32 file's; "
        "schemes: dB.",
        "",
        "- refused, no attention: heads (gru)",
    ]
