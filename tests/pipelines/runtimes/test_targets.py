import json

import pytest

from pipelines.runtimes.target import Target
from pipelines.runtimes.targets import Targets, bare, target_of

ONE = Targets.only(Target(batch=8))
TWO = Targets((("edge", Target(resource="pi")), ("server", Target("openvino", batch=8))))


@pytest.mark.parametrize(
    ("targets", "words", "slug", "data"),
    [
        (
            ONE,
            "onnxruntime on cpu, batch 8, 1 thread",
            "onnxruntime-cpu-b8-t1",
            {"target": {"runtime": "onnxruntime", "device": "cpu", "batch": 8, "threads": 1}},
        ),
        (
            TWO,
            "edge: onnxruntime on cpu, batch 1, 1 thread, on pi; server: openvino on cpu, batch 8, 1 thread",
            "edge-onnxruntime-cpu-b1-t1-pi-server-openvino-cpu-b8-t1",
            {"targets": {"edge": TWO["edge"].to_json(), "server": TWO["server"].to_json()}},
        ),
    ],
    ids=["one without a name", "two"],
)
def test_they_name_themselves_and_survive_json(targets: Targets, words: str, slug: str, data: dict) -> None:
    assert (str(targets), targets.slug, targets.to_json()) == (words, slug, data)
    assert Targets.from_json(json.loads(json.dumps(data))) == targets


def test_only_names_that_are_given_can_be_named() -> None:
    assert (ONE.names, ONE.named, ONE.section) == (("",), (), "target")
    assert (TWO.names, TWO.named, TWO.section) == (("edge", "server"), ("edge", "server"), "targets")
    assert {"edge", "pi", "openvino", "b8"} <= set(TWO.parts)


def test_one_of_them_is_replaced() -> None:
    changed = TWO.replaced("edge", Target(batch=4))
    assert (changed["edge"].batch, changed["server"], changed.first) == (4, TWO["server"], Target(batch=4))


@pytest.mark.parametrize(
    ("name", "metric", "target"), [("latency_ms", "latency_ms", ""), ("latency_ms@edge", "latency_ms", "edge")]
)
def test_a_name_is_a_metric_and_maybe_a_target(name: str, metric: str, target: str) -> None:
    assert (bare(name), target_of(name)) == (metric, target)
