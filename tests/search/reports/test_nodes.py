import json

from search.reports.nodes import node_lines, read_nodes

CPU = {"node": "a", "ip": "10.0.0.1", "is_going": False, "cpus": 8.0, "cpus_used": 6.0, "gpus": 0.0, "gpus_used": 0.0}
NODES = [
    {**CPU, "gpu_type": "", "trials": []},
    {
        **CPU,
        "node": "b",
        "is_going": True,
        "gpus": 2.0,
        "gpus_used": 0.5,
        "gpu_type": "H100",
        "trials": [{"trial": 3, "gpus": []}, {"trial": 4, "gpus": [1]}],
    },
]


def test_nodes_are_told_with_what_is_taken_and_what_runs_there(tmp_path) -> None:
    (tmp_path / "nodes.json").write_text(json.dumps({"at": 1000.0, "nodes": NODES}))
    found = read_nodes(tmp_path / "nodes.json")
    lines = [
        "node a (10.0.0.1): 6 of 8 CPU taken; runs no trial of this sweep",
        "node b (10.0.0.1): 6 of 8 CPU, 0.5 of 2 GPU (H100) taken; it is to go; runs trial 3, trial 4 on GPU 1",
    ]
    assert node_lines(found, now=1010.0) == lines
    assert node_lines(found, now=1000.0 + 180) == [*lines, "(seen 3m ago)"]


def test_of_a_sweep_that_has_left_nothing_nothing_is_told(tmp_path) -> None:
    assert node_lines(read_nodes(tmp_path / "none")) == []
