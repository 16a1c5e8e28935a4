from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines.quantizers import QUANTIZERS
from pipelines.tasks.digits import Digits
from search.planning.reading import read_sweep
from spaces import InputError

TASK = """
import torch
from torch import nn


class Plain:
    def __init__(self, size):
        self.size = size

    def teacher(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(self.size, 8), nn.ReLU(), nn.Linear(8, 2))

    def student(self, depth):
        if depth > 2:
            raise ValueError(f"no depth {depth}")
        return nn.Sequential(nn.Flatten(), nn.Linear(self.size, 16), nn.ReLU(), nn.Linear(16, 2))

    def batches(self, split):
        return [(torch.zeros(4, self.size), torch.zeros(4, dtype=torch.long))]

    def example_input(self):
        return torch.zeros(1, self.size)
"""


@pytest.fixture
def told(write_yaml, make_raw) -> Callable[..., list[str]]:
    """Everything told of the small sweep's file with the given changes and overrides, a line for each problem."""

    def told(changes: Mapping[str, Any], *overrides: str) -> list[str]:
        with pytest.raises(InputError) as error:
            read_sweep(write_yaml(make_raw(**changes)), overrides)
        return [str(problem) for problem in error.value.problems]

    return told


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A task of the person's own that needs the argument `size`."""
    (tmp_path / "plain_task.py").write_text(TASK, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "plain_task:Plain"


def starts(lines: list[str], *beginnings: str) -> bool:
    assert len(lines) == len(beginnings), lines
    return all(line.startswith(beginning) for line, beginning in zip(lines, beginnings, strict=True))


def test_a_sweep_and_its_task_are_given(write_yaml, make_raw, make_config) -> None:
    config, task = read_sweep(write_yaml(make_raw()), ["search.trials=3"])
    assert config == make_config(search={"trials": 3})
    assert isinstance(task, Digits)


def test_an_unknown_task_is_told_beside_all_else(told) -> None:
    changes = {"task": {"use": "digts"}, "space": {"student": {"depth": [0, 1, 7]}}, "search": {"trails": 3}}
    assert starts(
        told(changes),
        "task.use: 'digts' is not known (did you mean 'digits'?)",
        "space.student.depth: 0 is out of range; legal: a whole number >= 1",
        "search.trails: 'trails' is not known (did you mean 'trials'?)",
    )


def test_depths_that_the_task_lacks_are_told_beside_an_unknown_key(told) -> None:
    changes = {"space": {"student": {"depth": [1, 7], "width": "half"}, "pruning": {"colour": "red"}}}
    assert starts(
        told(changes),
        "space.student.depth: student(7) with example_input(): ",
        "space.student.width: 'half' is not a number",
        "space.pruning.colour: 'colour' is not known",
    )


def test_a_scheme_for_another_runtime_is_told_beside_a_wrong_metric(told) -> None:
    changes = {"space": {"quantization": {"scheme": ["none", "nncf-int8"]}}, "objectives": {"acuracy": "maximize"}}
    assert starts(
        told(changes),
        "space.quantization.scheme: 'nncf-int8' is for openvino, not for onnxruntime; legal: none, ",
        "objectives.acuracy: 'acuracy' is not known (did you mean 'accuracy'?)",
    )


def test_a_value_that_is_wrong_already_is_not_asked_of_the_networks(told, monkeypatch) -> None:
    monkeypatch.setattr(QUANTIZERS["nncf-int8"], "problem", lambda model: "it has no wheels")
    assert len(told({"space": {"quantization": {"scheme": ["none", "nncf-int8"]}}})) == 1


def test_arguments_that_were_misspelt_are_not_refused_too(told, plain) -> None:
    assert starts(told({"task": {"use": plain, "arg": {"size": 4}}}), "task.arg: 'arg' is not known")
    assert starts(told({"task": {"use": plain, "args": 4}}), "task.args: 4 is not a mapping")
    assert starts(told({"task": {"use": plain}}), "task.args: Plain(size) refused them: ")


def test_a_task_that_cannot_be_imported_is_told_though_its_arguments_are_wrong(told) -> None:
    assert starts(
        told({"task": {"use": "digts", "args": 4}}), "task.use: 'digts' is not known", "task.args: 4 is not a mapping"
    )


def test_the_students_are_tried_whatever_is_wrong_elsewhere_in_the_task(told, plain) -> None:
    changes = {"task": {"use": plain, "args": {"size": 4}, "colour": "red"}, "space": {"student": {"depth": [1, 3]}}}
    assert starts(
        told(changes),
        "task.colour: 'colour' is not known",
        "space.student.depth: student(3) with example_input(): ValueError: no depth 3",
    )


def test_a_store_that_cannot_be_reached_is_told_beside_the_rest(told, write_yaml, make_raw, tmp_path) -> None:
    assert starts(
        told({"store": {"url": "s4://bucket/folder", "limit_gb": 0}}),
        "store.url: 's4://bucket/folder' cannot be used: Protocol not known: s4; check the URL",
        "store.limit_gb: 0 is out of range",
    )
    read_sweep(write_yaml(make_raw(store={"url": f"file://{tmp_path}/far"})))


def test_a_file_of_mlflow_that_cannot_be_opened_is_told(told, tmp_path) -> None:
    assert starts(
        told({"tracking": {"uri": f"sqlite:///{tmp_path}"}}),
        f"tracking.uri: 'sqlite:///{tmp_path}' cannot be used: {tmp_path}: unable to open database file; give",
    )


def test_problems_stand_as_in_the_file_after_those_of_overrides(told) -> None:
    changes = {"search": {"trails": 1, "seed": -1}, "sweep": "a/b", "task": {"use": "digts"}}
    places = [line.partition(": ")[0] for line in told(changes, "search.lookahead=0", "space=3")]
    assert places == ["sweep", "task.use", "space", "search.seed", "search.trails", "search.lookahead"]


def test_a_task_is_not_tried_with_overrides_that_cannot_be_read(told, monkeypatch) -> None:
    monkeypatch.delattr("search.planning.reading.check_sweep")
    changes = {"search": {"seed": -1}, "sweep": "a/b", "task": {"use": "digts"}}
    assert starts(
        told(changes, "nonsense", "search.lookahead=0"),
        "-o nonsense: write -o key.path=value",
        "sweep: 'a/b' is not a name",
        "search.seed: -1 is out of range",
        "search.lookahead: 0 is out of range",
    )


@pytest.mark.parametrize("address", ["local", "head:6379"])
def test_a_device_that_this_machine_does_not_have_is_refused_unless_another_one_works(
    write_yaml, make_raw, monkeypatch, address: str
) -> None:
    monkeypatch.setattr("search.planning.check.device_problem", lambda target: f"'{target.device}': no driver")
    target = {"runtime": "torch", "device": "cuda"}
    space = {"quantization": {"scheme": ["none", "tf32"]}}
    file = write_yaml(make_raw(cluster={"address": address, "gpus_per_trial": 1}, target=target, space=space))
    if address != "local":
        assert read_sweep(file)[0].targets.first.on_gpu
        return
    with pytest.raises(InputError) as error:
        read_sweep(file)
    assert [str(problem) for problem in error.value.problems] == ["target.device: 'cuda': no driver"]


@pytest.mark.parametrize("address", ["local", "head:6379"])
def test_more_processors_than_this_machine_has_are_refused_unless_another_one_works(
    write_yaml, make_raw, monkeypatch, address: str
) -> None:
    monkeypatch.setattr("search.planning.check.processors", lambda: 2)
    file = write_yaml(make_raw(cluster={"address": address, "cpus_per_trial": 3}, target={"threads": 512}))
    if address != "local":
        read_sweep(file)
        return
    with pytest.raises(InputError) as error:
        read_sweep(file)
    assert [str(problem) for problem in error.value.problems] == [
        "cluster.cpus_per_trial: 3 is more than the 2 processors that can be used here",
        "target.threads: 512 is more than the 2 processors that can be used here",
    ]


@pytest.mark.parametrize(
    ("changes", "beginning"),
    [
        ({"target": {"runtime": "onnxrt"}}, "target.runtime: 'onnxrt' is not known (did you mean 'onnxruntime'?)"),
        ({"space": {"pruning": {"ratio": 7}}}, "space.pruning.ratio: 7 is out of range"),
        ({"space": {"distillation": {"alpha": 7}}}, "space.distillation.alpha: 7 is out of range"),
    ],
    ids=["runtime", "ratio", "alpha"],
)
def test_nothing_is_rehearsed_with_a_value_that_is_not_legal(told, changes, beginning) -> None:
    assert starts(told(changes), beginning)


def test_what_cannot_work_with_some_networks_is_ruled_out(write_yaml, make_raw, tmp_path, monkeypatch) -> None:
    whole = "        return nn.Sequential(nn.Flatten(), nn.Linear(self.size, 16)"
    less = "        if depth == 1:\n            return nn.Sequential(nn.Flatten(), nn.Linear(self.size, 2))\n"
    shallow = TASK.replace(whole, less + whole)
    (tmp_path / "shallow_task.py").write_text(shallow, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    task = {"use": "shallow_task:Plain", "args": {"size": 4}}
    config, _ = read_sweep(write_yaml(make_raw(task=task, space={"student": {"depth": [1, 2]}})))
    assert [str(rule).partition(": ")[0] for rule in config.space.ruled_out()] == [
        "distil → prune, pruning.method channel, student.depth 1"
    ]
    # As it was asked for it is the same sweep, which goes on.
    again, _ = read_sweep(write_yaml(make_raw(task=task, space={"student": {"depth": [1, 2]}})))
    assert config.differences(again) == []
