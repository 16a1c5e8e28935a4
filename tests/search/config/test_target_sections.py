import pytest

from pipelines import Target, Targets
from search.config.sweep_config import parse_config, read_config
from search.config.yaml_file import parse_yaml
from spaces import InputError

TWO = {"edge": {"threads": 2}, "server": {"batch": 8}}


def test_several_targets_have_names_and_their_metrics_name_them(make_raw) -> None:
    raw = {**make_raw(targets=TWO), "objectives": {"accuracy": "maximize", "latency_ms@edge": "minimize"}}
    config = parse_config({**raw, "constraints": {"latency_ms@server": "<= 5", "accuracy": ">= 0.9"}})
    assert config.targets == Targets((("edge", Target(threads=2)), ("server", Target(batch=8))))
    assert [objective.name for objective in config.objectives] == ["accuracy", "latency_ms@edge"]
    assert str(config.constraints[0]) == "latency_ms@server <= 5"
    assert load_config_of(config) == config.targets
    assert config.differences(parse_config(raw)) == ["constraints"]
    assert parse_config({**raw, "targets": {**TWO, "server": {"batch": 4}}}).differences(config)[-1] == "targets"


def load_config_of(config) -> Targets:
    return parse_config(parse_yaml(config.dump())).targets


def test_by_default_each_target_has_an_objective(make_raw) -> None:
    raw = make_raw(targets=TWO)
    del raw["objectives"]
    names = [objective.name for objective in parse_config(raw).objectives]
    assert names == ["accuracy", "latency_ms@edge", "latency_ms@server", "size_mb"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"targets": TWO, "target": {"batch": 2}}, "target: is given beside targets; name it"),
        ({"targets": {}}, "targets: has 0 targets; legal: 1 to 8"),
        ({"targets": {"my-edge": {}}}, "targets: 'my-edge' is not a name; use 24 letters, digits and '_' at most"),
        ({"targets": ["edge"]}, "targets: ['edge'] is not a mapping"),
        ({"targets": {"edge": {"bach": 2}}}, "targets.edge.bach: 'bach' is not known (did you mean 'batch'?)"),
        ({"targets": {"edge": {"runtime": "tflite"}}}, "targets.edge.runtime: 'tflite' is not known"),
        (
            {"targets": TWO, "objectives": {"latency_ms@egde": "minimize"}},
            "objectives.latency_ms@egde: 'egde' is not known (did you mean 'edge'?); legal: edge, server (its targets)",
        ),
        (
            {"targets": TWO, "constraints": {"latency@edge": "<= 1"}},
            "constraints.latency@edge: 'latency' is not known",
        ),
        (
            {"constraints": {"latency_ms@edge": "<= 1"}},
            "constraints.latency_ms@edge: names a target, and this sweep has one without a name; write latency_ms",
        ),
        (
            {"targets": TWO, "constraints": {"throughput@server": ">= 1"}},
            "constraints.throughput@server: is measured on cuda only, and targets.server.device is cpu",
        ),
        (
            {"targets": {"a": {}, "b": {"runtime": "torch"}}},
            "space.quantization.scheme: for b: 'static-int8' works on onnx, and torch executes",
        ),
        (
            {"targets": {"a": {"resource": "edge"}, "b": {}}},
            "targets.a.resource: 'edge' is what nodes of a cluster offer, and cluster.address is local",
        ),
        (
            {"targets": {"a": {}, "b": {"device": "cuda"}}, "cluster": {"gpus_per_trial": 1}},
            "targets.b.device: 'cuda' of the machines that build, where trainings give way for targets.a",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_targets_is_told(make_raw, changes, told) -> None:
    raw = make_raw(**{key: value for key, value in changes.items() if key != "targets"})
    reading = read_config({**raw, **{key: value for key, value in changes.items() if key == "targets"}})
    assert told in str(InputError(reading.problems))


def test_a_scheme_that_loses_on_one_of_two_targets_is_legal(make_raw) -> None:
    cuda, space = {"device": "cuda", "resource": "card"}, {"quantization": {"scheme": ["none", "static-int8"]}}
    raw = make_raw(targets={"edge": {}, "card": cuda}, cluster={"address": "auto", "gpus_per_trial": 1}, space=space)
    found = read_config(raw)
    assert not [problem for problem in found.problems if problem.where.startswith("space")]
    alone = read_config({**raw, "targets": {"card": cuda}})
    assert [problem.where for problem in alone.problems] == ["space.quantization.scheme"]
