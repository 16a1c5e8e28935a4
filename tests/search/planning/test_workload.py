from random import Random

import pytest

from pipelines import Evaluator
from search.planning import workload
from search.planning.workload import Workload
from search.study.saved import sweep_evaluator
from spaces import Recipe

HAND = {
    "student": {"depth": "none"},
    "distillation": {"alpha": 0, "temperature": 2},
    "pruning": {"method": ["none", "channel"], "ratio": [0.25, 0.5]},
    "quantization": {"scheme": ["none", "static-int8"]},
}
"""Besides the teacher: q, p, p·q, P and P·q."""


@pytest.fixture
def looked_at(make_config, workspace):
    """The workload of a space, and who knows the keys of its stages."""

    def look(space, stored=frozenset(), trials: int = 0) -> tuple[Workload, Evaluator]:
        config = make_config(space=space)
        evaluate = sweep_evaluator(config, workspace)
        return Workload.of(config.space, evaluate.context, stored, trials), evaluate

    return look


def expected(found: Workload, trials: int, *, missing: bool = False) -> dict[str, float]:
    return {kind.name: found.expected(kind, trials, missing=missing) for kind in found.kinds}


def test_what_is_expected_by_hand(looked_at) -> None:
    found, _ = looked_at(HAND)
    assert found.recipes == 5
    assert {kind.name: kind.epochs for kind in found.kinds} == {
        "teacher": 20,
        "prune": 5,
        "export": None,
        "quantize": None,
        "pack": None,
    }
    assert expected(found, 1) == {"teacher": 1, "prune": 0, "export": 1, "quantize": 0, "pack": 1}
    # One of the five is drawn: four of them need a pruned network, two the same one; three a quantized file. What is
    # quantized is compared with its parent's packed file.
    assert expected(found, 2) == pytest.approx(
        {"teacher": 1, "prune": 4 / 5, "export": 1 + 4 / 5, "quantize": 3 / 5, "pack": 1 + 4 / 5 + 3 / 5}
    )
    # Two of the five: a network that two of them need is needed by none with probability C(3, 2) / C(5, 2) = 3 / 10.
    assert expected(found, 3)["prune"] == pytest.approx(2 * 7 / 10)
    everything = {"teacher": 1, "prune": 2, "export": 3, "quantize": 3, "pack": 6}
    assert expected(found, 6) == pytest.approx(everything)
    assert expected(found, 1000) == pytest.approx(everything)
    each = {kind.name: kind.each for kind in found.kinds}
    assert each == {"teacher": 1, "prune": 4 / 6, "export": 1, "quantize": 3 / 6, "pack": 1}


def test_what_the_store_has_is_not_missing(looked_at, make_config) -> None:
    _, evaluate = looked_at(HAND)
    pruned = Recipe.from_list([{"prune": {"ratio": 0.25, "method": "channel"}}], make_config().space.steps)
    links = evaluate.chain(pruned)
    found, _ = looked_at(HAND, frozenset(link.key for link in links if link.name in ("teacher", "prune")))
    assert expected(found, 2)["prune"] == pytest.approx(4 / 5)
    assert expected(found, 2, missing=True)["prune"] == pytest.approx(2 / 5)
    assert expected(found, 2, missing=True)["teacher"] == 0


def test_how_many_recipes_need_a_stage_and_what_they_share_by_hand(looked_at) -> None:
    found, _ = looked_at(HAND)
    assert {kind.name: (found.having(kind), kind.distinct) for kind in found.kinds} == {
        "teacher": (6, 1),
        "prune": (4, 2),
        "export": (6, 3),
        "quantize": (3, 3),
        "pack": (6, 6),
    }


TWO_ORDERS = {"order": ["distil-prune-quantize", "prune-distil-quantize"]}


def simulated(chains: list[frozenset], trials: int, times: int = 400) -> dict[str, tuple[float, float]]:
    """The mean number of results, by kind, of random trials, and the standard error of that mean."""
    chance, counts = Random(1), {}
    for _ in range(times):
        links = frozenset().union(*chance.sample(chains, trials))
        for name in {link.name for link in links}:
            counts.setdefault(name, []).append(sum(link.name == name for link in links))
    means = {name: sum(found) / times for name, found in counts.items()}
    return {
        name: (mean, (sum((n - mean) ** 2 for n in counts[name]) / times / times) ** 0.5)
        for name, mean in means.items()
    }


def test_what_is_expected_is_what_random_draws_give(looked_at, make_config, monkeypatch) -> None:
    found, evaluate = looked_at(TWO_ORDERS)
    space = make_config(space=TWO_ORDERS).space
    recipes = [space.recipe(params) for params in space.points()]
    chains = [frozenset(evaluate.chain(recipe)) for recipe in recipes if recipe.steps]
    assert found.recipes == found.among == len(chains) == 108
    # 9 students of the teacher, and 3 pruned teachers with 6 students each; all of them in 2 files
    networks = 9 + 9 * 3 + 3 * 6
    assert {kind.name: (found.having(kind), kind.distinct) for kind in found.kinds} == {
        "teacher": (109 - 24, 1),  # students that learn from labels alone are only compared with it
        "distil": (108, 27),
        "prune": (90, 9 * 3 + 3),
        "export": (109, networks + 1 + 3),  # what a student of a pruned teacher is compared with is that teacher
        "quantize": (54, networks),
        "pack": (109, 2 * networks + 1 + 3),
    }
    assert expected(found, 109) == pytest.approx({kind.name: kind.distinct for kind in found.kinds})
    drawn = {trials: simulated(chains, trials - 1) for trials in (5, 30)}
    for trials, means in drawn.items():
        for name, value in expected(found, trials).items():
            mean, error = means[name]
            assert abs(value - mean) <= 5 * error + 1e-9, (trials, name)
    monkeypatch.setattr(workload, "LIMIT", 60)
    part, _ = looked_at(TWO_ORDERS)  # drawn from the space instead of all of it
    assert part.recipes in (60, 61)
    assert part.among == 108
    for kind in found.kinds:
        (drawn,) = (each for each in part.kinds if each.name == kind.name)
        assert part.having(drawn) == pytest.approx(found.having(kind), rel=0.15), kind.name
        assert drawn.distinct <= kind.distinct
    for name, value in expected(part, 30).items():
        assert value == pytest.approx(expected(found, 30)[name], rel=0.15), name


def test_a_space_of_the_teacher_alone(looked_at) -> None:
    alone = {**HAND, "pruning": {"method": "none"}, "quantization": {"scheme": "none"}}
    found, _ = looked_at(alone)
    assert expected(found, 1) == {"teacher": 1, "export": 1, "pack": 1}


def test_no_more_recipes_are_looked_at_than_can_be_in_a_moment(looked_at, monkeypatch) -> None:
    monkeypatch.setattr(workload, "LIMIT", 10)
    monkeypatch.setattr(workload, "MOST", 20)
    assert [looked_at(TWO_ORDERS, trials=trials)[0].recipes for trials in (5, 15, 10**9)] == [11, 16, 21]
