import pytest

from search.execution.refused_nodes import RefusedNodes, selector


@pytest.mark.parametrize("left", [["good"], []], ids=["another is left", "none is left"])
def test_a_node_is_told_once_and_the_sweep_goes_on_while_another_is_left(monkeypatch, caplog, left) -> None:
    monkeypatch.setattr(
        "ray.nodes", lambda: [{"NodeID": key, "Alive": True, "Resources": {}} for key in ["bad", *left]]
    )
    refused = RefusedNodes(lambda resources: True)
    whys = [refused.add("bad", "edge lacks torch") for _ in range(2)]
    assert (
        whys == [("" if left else "no other node of the cluster is left that could run trials: edge lacks torch")] * 2
    )
    assert caplog.text.count("edge lacks torch; it gets no trials") == 1
    assert selector(refused.ids) == {"bundle_label_selector": [{"ray.io/node-id": "!in(bad)"}]}


def test_without_any_ray_is_told_nothing() -> None:
    assert selector(()) == {}
