import pytest

from pipelines import Target, Targets
from search.analysis.named_front import NamedFront
from search.analysis.remeasurement import Remeasurement
from search.study.study import Study
from spaces import InputError
from tests.search.results import complete, measured


@pytest.fixture
def small(config, folder, workspace, ask):
    """A sweep of three trials, and its front measured again for three other targets, the first of them twice."""
    study = Study(config, folder)
    for latency in (4.0, 2.0, 1.0):
        metrics = {"accuracy": latency / 10, "latency_ms": latency, "size_mb": latency}
        study.tell(complete(ask(study).number, 1.0, 2.0, metrics))
    targets = (Target(batch=8), Target(batch=8), Target(batch=8, threads=2), Target(runtime="openvino"))
    for factor, target in enumerate(targets, 2):
        slower = [
            measured(trial, metrics={**trial.metrics, "latency_ms": factor * trial.metrics["latency_ms"]}).result
            for trial in study.trials
        ]
        Remeasurement(Targets.only(target), tuple(slower), float(factor), factor + 1.0, "here", {}).write(
            folder.measurements
        )
    return study


def test_a_name_is_the_sweep_as_searched(small, workspace) -> None:
    found = NamedFront.load("small", workspace)
    assert (found.name, found.targets) == ("small", small.config.targets)
    assert found.trials == tuple(small.trials)
    assert found.state == small.state


@pytest.mark.parametrize(
    ("name", "target", "factor"),
    [
        ("small@b8-t1", Target(batch=8), 3),
        ("small@t2", Target(batch=8, threads=2), 4),
        ("small@openvino", Target(runtime="openvino"), 5),
        ("small@onnxruntime-cpu-b8-t2", Target(batch=8, threads=2), 4),
    ],
    ids=["the later of two", "one part", "a runtime", "all parts"],
)
def test_the_parts_of_a_target_name_what_was_measured_again(small, workspace, name, target, factor) -> None:
    found = NamedFront.load(name, workspace)
    assert (found.name, found.targets) == (name, Targets.only(target))
    assert [trial.metrics["latency_ms"] for trial in found.trials] == [factor * latency for latency in (4, 2, 1)]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("smal", "'smal' is not known (did you mean 'small'?)"),
        ("small@b8", "may be any of onnxruntime-cpu-b8-t1, onnxruntime-cpu-b8-t2; say more of it"),
        ("small@b64", "'small@b64' was not measured; measured again: onnxruntime-cpu-b8-t1, "),
    ],
)
def test_a_name_that_is_no_front_is_told(small, workspace, name, told) -> None:
    with pytest.raises(InputError) as error:
        NamedFront.load(name, workspace)
    assert told in str(error.value)
