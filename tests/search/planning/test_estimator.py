import pytest

from pipelines.tasks.digits import Digits
from search.planning.estimator import Estimator
from search.planning.plan import Plan
from search.study.trial import Result, Trial
from tests.search.results import complete


@pytest.fixture
def make_estimator(make_config, workspace):
    def make(**changes) -> Estimator:
        config = make_config(**changes)
        return Estimator(config, Plan.of(config, Digits()), workspace)

    return make


@pytest.fixture
def probed(monkeypatch, make_config, workspace):
    """Probing a recipe takes 3 seconds, 1 of them alone on the machine, and leaves a teacher in the store."""

    def probe(recipes, evaluate, begin):
        for number, recipe in enumerate(recipes):
            begin(number, recipe)
            link = evaluate.chain(recipe)[0]
            about = {"stage": link.name, "settings": {"epochs": 20}, "task": evaluate.context.fingerprint}
            about["device"] = evaluate.context.device.type
            evaluate.store.compute(link.key, lambda folder: (folder / "weights").write_bytes(b"w"), about)
            result: Result = complete(number, 0.0, 3.0, {"accuracy": 1.0}, seconds={"measuring": 1.0})
            yield Trial(number, recipe, {}, "", 0.0, result)

    monkeypatch.setattr("search.planning.estimator.probe", probe)


def test_without_earlier_work_nothing_is_known(make_estimator) -> None:
    estimator = make_estimator()
    found = estimator.estimate()
    assert found.unknown == ("teacher", "distil", "prune", "export", "quantize", "pack", "measuring")
    # One recipe has them all: a student that is pruned and quantized.
    (recipe,) = estimator.probes(found.unknown)
    assert [step.name for step in recipe.steps] == ["distil", "prune", "quantize"]


def test_what_a_probe_computed_and_measured_is_known_from_then_on(make_estimator, probed) -> None:
    estimator, told = make_estimator(), []
    recipes = estimator.probes(["teacher"])
    done = estimator.probe(recipes, lambda number, recipe: told.append(number))
    assert ([trial.state for trial in done], told) == (["complete"], [0])
    found = estimator.estimate()
    assert found.unknown == ("distil", "prune", "export", "quantize", "pack")
    assert (found.alone.likely, found.beside.likely) == (1.0, 2.0)
    teacher = found.stages[0]
    assert (teacher.stage, teacher.results, teacher.missing) == ("teacher", 1, 0)


def test_a_part_of_a_large_space_is_large_enough_for_the_trials(make_estimator, monkeypatch) -> None:
    monkeypatch.setattr("search.planning.workload.LIMIT", 10)
    assert make_estimator(search={"trials": 40}).estimate().looked_at in (41, 42)
    assert make_estimator(search={"trials": None, "budget": "1h"}).estimate().looked_at in (11, 12)
