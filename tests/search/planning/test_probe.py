import pytest

from pipelines import TrialFailed
from search.planning.probe import probe, probes
from search.planning.workload import Kind, Workload
from spaces import Recipe
from spaces.recipe import Step


def recipe(name: str) -> Recipe:
    return Recipe((Step(name, ()),))


@pytest.fixture
def workload():
    combinations = [{"t"}, {"t", "a"}, {"t", "b"}, {"t", "a", "b"}, {"t", "b", "c"}, {"t", "a", "b", "d"}]
    examples = {frozenset(kinds): recipe("".join(sorted(kinds))) for kinds in combinations}
    return Workload(6, 6, tuple(Kind(name, None, 0, {}, {}, 0.0) for name in "tabcd"), frozenset(), examples)


@pytest.mark.parametrize(
    ("unknown", "chosen"),
    [
        (["measuring"], ["t"]),
        (["t"], ["t"]),
        (["a", "measuring"], ["at"]),
        (["a", "b"], ["abt"]),
        (["a", "c"], ["at", "bct"]),
        (["t", "a", "b", "c", "d"], ["bct", "abdt"]),
    ],
)
def test_as_few_and_as_short_recipes_as_have_all_kinds(workload, unknown, chosen) -> None:
    assert [one.steps[0].name for one in probes(workload, unknown)] == chosen


def test_what_came_of_a_probe_also_of_one_that_failed(analytic) -> None:
    def evaluate(recipe):
        if recipe.steps:
            raise TrialFailed("too shallow")
        return analytic(recipe)

    told = []
    good, bad = probe([Recipe(), recipe("distil")], evaluate, lambda number, recipe: told.append((number, recipe)))
    assert told == [(0, Recipe()), (1, recipe("distil"))]
    assert (good.state, bad.state, bad.failure.reason) == ("complete", "failed", "too shallow")
