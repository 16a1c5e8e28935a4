import math
import pickle
from dataclasses import replace

import pytest

from pipelines import METRICS, STEPS, Evaluator, TrialFailed
from spaces import Recipe


def recipe(*steps: dict) -> Recipe:
    return Recipe.from_list(list(steps), STEPS)


WHOLE = recipe(
    {"distil": {"depth": 1, "alpha": 0.5}}, {"prune": {"ratio": 0.5}}, {"quantize": {"scheme": "static-int8"}}
)


def test_a_recipe_becomes_numbers(evaluator: Evaluator) -> None:
    outcome = evaluator(WHOLE)
    assert set(outcome.measurement.metrics) == set(METRICS)
    assert all(math.isfinite(value) for value in outcome.measurement.metrics.values())
    assert outcome.measurement.metrics["accuracy"] == 1.0
    assert outcome.measurement.metrics["accuracy_drop"] == 0.0
    assert outcome.measurement.metrics["size_ratio"] < 1
    assert [run.name for run in outcome.stages] == ["teacher", "distil", "prune", "export", "quantize", "pack"]
    assert outcome.model == outcome.stages[-1].key


def test_a_search_never_sees_the_test_split(evaluator: Evaluator) -> None:
    with pytest.raises(LookupError, match="a search never sees the test split"):
        evaluator.task.batches("test").__iter__().__next__()
    assert evaluator(WHOLE).measurement.metrics["accuracy"] == 1.0


def test_the_teacher_is_its_own_reference(evaluator: Evaluator) -> None:
    outcome = evaluator(Recipe())
    assert (outcome.measurement.metrics["accuracy_drop"], outcome.measurement.metrics["size_ratio"]) == (0, 1)
    assert [run.name for run in outcome.stages] == ["teacher", "export", "pack"]


def test_what_was_built_before_is_measured_again_and_not_built(evaluator: Evaluator) -> None:
    first, second = evaluator(WHOLE), evaluator(WHOLE)
    assert all(run.reused for run in second.stages)
    assert second.model == first.model
    assert second.measurement.metrics["size_mb"] == first.measurement.metrics["size_mb"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"args": {"width": 8}}, "nothing to prune at ratio 0.5"),
        ({"learning_rate": 1e30}, r"the loss became nan in epoch \d of 4; lower training.learning_rate \(now 1e\+30\)"),
    ],
    ids=["too narrow", "diverges"],
)
def test_a_recipe_that_cannot_be_made_fails_with_its_reason(evaluator: Evaluator, change: dict, reason: str) -> None:
    if "learning_rate" in change:
        change = {"training": evaluator.training.model_copy(update=change)}
    with pytest.raises(TrialFailed, match=reason):
        replace(evaluator, **change)(recipe({"prune": {"ratio": 0.5}}))


def test_it_travels_without_what_it_loaded(evaluator: Evaluator) -> None:
    fresh = pickle.dumps(evaluator)
    assert evaluator.task is evaluator.task
    assert evaluator.context.seed == 0
    assert pickle.dumps(evaluator) == fresh
    assert len(fresh) < 2000
    copy = pickle.loads(fresh)
    assert copy == evaluator
    assert copy.task is not evaluator.task
