"""What is counted without enumerating, against the keys of every recipe's stages."""

from dataclasses import dataclass

import pytest
import torch

from pipelines import STEPS, Training
from pipelines.pipeline import nodes
from pipelines.stages import STAGES
from pipelines.tasks.digits import Digits
from pipelines.training.context import Context
from search.planning import sharing
from search.planning.sharing import Share, shares
from spaces import SearchSpace

ORDERS = ["distil-prune-quantize", "prune-distil-quantize"]
STUDENTS = {"depth": ["none", 1], "width": [0.5, 1.0], "init": ["random", "teacher"]}
TEACHINGS = {"alpha": [0, 0.5], "temperature": [2, 4], "feature": ["none", "hint"]}
PRUNINGS = {"method": ["none", "channel"], "ratio": [0.25, 0.5]}
SCHEMES = {"scheme": ["none", "dynamic-int8", "static-int8"], "calibrator": ["minmax", "entropy"]}

SPACES = {
    "teacher": {},
    "one step": {"pruning": PRUNINGS},
    "two steps": {"student": {"depth": [1, 2]}, "pruning": PRUNINGS},
    "one order": {"student": STUDENTS, "distillation": TEACHINGS, "pruning": PRUNINGS, "quantization": SCHEMES},
    "the other": {"student": STUDENTS, "distillation": TEACHINGS, "pruning": PRUNINGS, "order": ORDERS[1]},
    "two orders": {
        "student": STUDENTS,
        "distillation": TEACHINGS,
        "pruning": PRUNINGS,
        "quantization": SCHEMES,
        "order": ORDERS,
    },
}


@dataclass
class Fake:
    """A stage that is never run."""

    name: str
    form: str
    version: int = 1
    libraries: tuple[str, ...] = ()

    def settings(self, params, context) -> dict:
        return {}


def several(params):
    """Quantization in two or three stages, some of which read only a part of what is chosen, or nothing."""
    scheme = {"scheme": params["scheme"]}
    training = ((Fake("tune", "network"), {}),) if params["scheme"] == "static-int8" else ()
    return (*training, (Fake("ranges", "file"), {}), (Fake("quantize", "file"), scheme), (Fake("ranges", "file"), {}))


def searching(params):
    """Pruning in two stages with the same name, of which the first does not know the ratio."""
    return ((Fake("prune", "network"), {"method": params["method"]}), (Fake("prune", "network"), params))


@pytest.fixture(autouse=True)
def one_version(monkeypatch) -> None:
    """Looking up a library's version takes longer than all else here."""
    monkeypatch.setattr("pipelines.pipeline.version", lambda name: "1")


def by_keys(space: SearchSpace) -> dict[str, tuple[int, int]]:
    """By stage: how many recipes need it, and the different keys that it has, from every recipe of `space`."""
    context = Context(Digits(), "digits", Training(), 0, torch.device("cpu"))
    keys: dict[str, set[str]] = {}
    needed: dict[str, int] = {}
    for params in space.points():
        stages = [(stage.name, key) for stage, _, key in nodes(space.recipe(params), context)]
        for name, key in stages:
            keys.setdefault(name, set()).add(key)
        for name in {name for name, _ in stages}:
            needed[name] = needed.get(name, 0) + 1
    return {name: (needed[name], len(found)) for name, found in keys.items()}


def counted(space: SearchSpace) -> dict[str, tuple[int, int]]:
    found = shares(space)
    assert found is not None
    return {share.stage: (share.recipes, share.distinct) for share in found}


@pytest.mark.parametrize("section", SPACES.values(), ids=list(SPACES))
def test_it_counts_what_the_store_would_hold(section) -> None:
    space = SearchSpace.parse(section, STEPS)
    assert counted(space) == by_keys(space)


@pytest.mark.parametrize(
    "changed", [{"quantize": several}, {"prune": searching}, {"quantize": several, "prune": searching}]
)
def test_steps_of_several_stages_share_what_they_can(monkeypatch, changed) -> None:
    for name, work in changed.items():
        monkeypatch.setitem(STAGES, name, work)
    space = SearchSpace.parse(SPACES["two orders"], STEPS)
    assert counted(space) == by_keys(space)


def test_a_small_space_by_hand() -> None:
    # 2 students, each whole or pruned in 2 ways, each of these exported and quantized in 2 ways
    section = {"student": {"depth": [1, 2]}, "pruning": PRUNINGS, "quantization": {"scheme": ["none", "dynamic-int8"]}}
    assert shares(SearchSpace.parse(section, STEPS)) == [
        Share("teacher", 12, 1),
        Share("distil", 12, 2),
        Share("prune", 8, 4),
        Share("export", 12, 6),
        Share("quantize", 6, 6),
        Share("pack", 12, 12),
    ]


def test_it_does_not_grow_with_the_recipes() -> None:
    many = [round(0.001 * index, 3) for index in range(1, 1000)]
    teachings = {"alpha": [0.5], "temperature": [*range(1, 101)]}
    section = {"student": {"depth": [*range(1, 101)]}, "distillation": teachings, "pruning": {"ratio": many}}
    found = counted(SearchSpace.parse(section, STEPS))
    assert found["prune"] == (9_990_000, 9_990_000)
    assert found["distil"] == (9_990_000, 10_000)


def test_a_step_with_too_many_ways_is_not_counted(monkeypatch) -> None:
    monkeypatch.setattr(sharing, "LIMIT", 2)
    assert shares(SearchSpace.parse({"pruning": {"ratio": [0.25, 0.5]}}, STEPS)) is not None
    assert shares(SearchSpace.parse({"pruning": {"ratio": [0.25, 0.5, 0.75]}}, STEPS)) is None
