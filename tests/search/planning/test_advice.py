from dataclasses import replace

import pytest

from pipelines.tasks.digits import Digits
from search.planning.advice import warnings
from spaces import Gain, When


@pytest.fixture
def packed(make_config):
    """A sweep of which channel pruning is said to improve only the size of the packed file."""

    def make(**changes):
        config = make_config(**changes)
        gain = Gain(When("pruning.method", ("channel",)), ("size_zstd_mb", "size_zstd_ratio"))
        steps = tuple(replace(step, gains=(gain,) if step.name == "prune" else ()) for step in config.space.steps)
        return replace(config, space=replace(config.space, steps=steps))

    return make


def test_a_technique_that_no_objective_sees_is_told(packed) -> None:
    assert warnings(packed(), Digits()) == [
        "space.pruning.method: channel can improve only size_zstd_mb, size_zstd_ratio, and no objective or constraint "
        "looks at that; add objectives.size_zstd_mb, or take it out of the axis"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"objectives": {"size_zstd_ratio": "minimize"}},
        {"constraints": {"size_zstd_mb": "<= 1"}},
        {"space": {"pruning": {"method": "none", "ratio": 0.5}}},
    ],
    ids=["an objective", "a constraint", "not in the space"],
)
def test_a_technique_that_is_seen_is_not(packed, changes) -> None:
    assert warnings(packed(**changes), Digits()) == []


def test_single_weights_show_in_the_file_itself_if_it_keeps_palettes(make_config) -> None:
    pruning = {"method": "unstructured", "ratio": 0.9}
    plain, clustered = (
        make_config(space={"pruning": pruning, "quantization": {"scheme": scheme}}) for scheme in ("none", "palettize")
    )
    assert any("unstructured can improve only size_zstd_mb" in warning for warning in warnings(plain, Digits()))
    assert warnings(clustered, Digits()) == []


def test_values_that_no_recipe_has_are_told(make_config) -> None:
    space = {
        "student": {"depth": [1, 2], "width": [0.5, 1.0], "init": "teacher"},
        "distillation": {"alpha": 0, "temperature": [2, 4]},
        "order": ["distil-prune-quantize", "prune-distil-quantize"],
    }
    assert warnings(make_config(space=space), Digits()) == [
        "space.student.width: no recipe has 0.5: it does not apply or is ruled out",
        "space.distillation.temperature: no recipe has 2, 4: it does not apply or is ruled out",
        "space.order: no recipe has prune-distil-quantize: it does not apply or is ruled out",
    ]


def test_a_plain_sweep_has_none(config) -> None:
    assert warnings(config, Digits()) == []


def test_a_method_named_almost_like_a_hook_is_told(config) -> None:
    class Misnamed(Digits):
        def scores(self, outputs, targets): ...

        def finger_print(self): ...

        def _losses(self): ...

        def features(self): ...

    assert warnings(config, Misnamed()) == [
        "Misnamed.scores: did you mean the hook score?",
        "Misnamed.finger_print: did you mean the hook fingerprint?",
    ]


def test_a_hook_that_is_there_is_not_guessed(config) -> None:
    class Scored(Digits):
        def score(self, outputs, targets): ...

        def scores(self, outputs, targets): ...

    assert warnings(config, Scored()) == []


def test_a_bound_that_no_trial_can_keep_is_told(make_config) -> None:
    told = "constraints.accuracy: no trial can keep accuracy >= 95, as accuracy is at most 1"
    assert told in warnings(make_config(constraints={"accuracy": ">= 95"}), Digits())
    assert told not in warnings(make_config(constraints={"accuracy": ">= 0.95"}), Digits())


@pytest.mark.parametrize(("stopping", "told"), [("halving", 1), ("structure", 0), ("none", 0)])
def test_rungs_that_begin_anew_are_told(make_config, stopping: str, told: int) -> None:
    class Own(Digits):
        def fit(self, model, job) -> None:
            """It trains in its own way."""

    found = warnings(make_config(search={"stopping": stopping}), Own())
    assert len(found) == told
    assert all("search.stopping: with Own.fit each rung of halving trains from the start" in each for each in found)
