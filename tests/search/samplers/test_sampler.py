"""The contract of every sampler, asked as a sweep asks it."""

import warnings
from collections.abc import Callable, Sequence

import optuna
import pytest

from search.config.objective import Constraint
from search.samplers import SAMPLERS
from search.study.proposal import BASELINE
from search.study.trial import Trial
from search.suggest.suggester import Suggester
from spaces import Options, Parameter, SearchSpace, StepSpec
from tests.search.results import complete

UNMOVED = ("qmc", "random")
"""The samplers that suggest the same whatever was found."""

LEARN = {name: 60 if name == "tpe" else 200 for name in SAMPLERS if name not in UNMOVED}
"""The others, with a number of trials after which they know enough."""

METHODS = ("none", "a", "b", "c")
STEPS = ("one", "two")


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    """92,416 recipes: two steps, each with a method and a level that applies if the method is not ``none``."""
    steps = tuple(
        StepSpec(
            name,
            (
                Parameter(f"{name}.method", Options(METHODS), default="none"),
                Parameter(f"{name}.level", Options(tuple(range(101))), default=0),
            ),
            str,
        )
        for name in STEPS
    )
    axes = {"method": [*METHODS], "level": {"low": 0, "high": 100, "step": 1}}
    return SearchSpace.parse(dict.fromkeys(STEPS, axes), steps)


@pytest.fixture
def drive(space, config) -> Callable[..., list[Trial]]:
    """Suggest and learn `count` times after `before`, the teacher first.

    Accuracy and size agree: they are the better, the more steps have method ``a``, and the higher their levels are.
    Latency grows by 1 for each step with method ``a``.
    """
    objectives = [objective for objective in config.objectives if objective.name != "latency_ms"]

    def run(
        name: str, count: int, before: Sequence[Trial] = (), seed: int = 0, constraints: Sequence[Constraint] = ()
    ) -> list[Trial]:
        suggester = Suggester(name, space, objectives, constraints, seed)
        suggester.resume(before)
        trials = list(before)
        for number in range(len(before), len(before) + count):
            params = suggester.suggest() if number else BASELINE.params
            good = sum(params.get(f"{step}.method") == "a" for step in STEPS)
            cost = 4 - good - sum(params.get(f"{step}.level", 0) for step in STEPS) / 100
            metrics = {"accuracy": 1 - cost / 4, "size_mb": cost, "latency_ms": float(good)}
            recipe = space.recipe(params) if number else BASELINE.recipe
            trial = Trial(number, recipe, params, "", 0.0, complete(number, 0.0, 1.0, metrics))
            suggester.learn(trial)
            trials.append(trial)
        return trials[len(before) :]

    return run


def chosen(trials: Sequence[Trial], key: str) -> list:
    """The values of the parameters called `key` in all steps of `trials`."""
    return [value for trial in trials for name, value in trial.params.items() if name.endswith(key)]


def share_of_a(trials: Sequence[Trial]) -> float:
    methods = chosen(trials, "method")
    return methods.count("a") / len(methods)


@pytest.mark.parametrize("name", SAMPLERS)
def test_it_makes_a_sampler_for_several_objectives(name) -> None:
    assert SAMPLERS[name].name == name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(directions=["minimize", "maximize"], sampler=SAMPLERS[name].make(0))
    asked = study.ask({"x": optuna.distributions.IntDistribution(1, 3)})
    assert asked.params["x"] in (1, 2, 3)
    assert len(study.tell(asked, [1.0, 2.0]).values) == 2


@pytest.mark.parametrize("name", LEARN)
def test_it_learns_switches_and_parameters_that_apply_only_beside_them(name, drive) -> None:
    """By chance a quarter of 50 methods would be ``a`` (± .06), and the mean of some 40 levels would be 50 (± 5)."""
    last = drive(name, LEARN[name])[-25:]
    assert share_of_a(last) > 0.45
    levels = chosen(last, "level")
    assert sum(levels) / len(levels) > 60


@pytest.mark.parametrize("name", LEARN)
def test_it_goes_on_from_what_it_has_not_suggested_itself(name, drive) -> None:
    """By chance a quarter of 30 methods would be ``a`` (± .08)."""
    before = drive("random", 60)
    assert share_of_a(before) < 0.35
    assert share_of_a(drive(name, 15, before)) > 0.45


@pytest.mark.parametrize("name", LEARN)
def test_it_avoids_what_breaks_a_constraint(name, drive) -> None:
    """With no constraint nearly half of the methods would be ``a`` or more, as above."""
    bound = Constraint.parse_bound("latency_ms", "<= 0", "constraints.latency_ms")
    assert share_of_a(drive(name, LEARN[name], constraints=[bound])[-25:]) < 0.2


@pytest.mark.parametrize("name", UNMOVED)
def test_it_suggests_the_same_whatever_was_found(name, drive) -> None:
    params = [trial.params for trial in drive(name, 12)]
    bound = Constraint.parse_bound("latency_ms", "<= 0", "constraints.latency_ms")
    assert [trial.params for trial in drive(name, 12, constraints=[bound])] == params


def test_a_sobol_sequence_covers_a_conditional_space_evenly(space, config) -> None:
    """Of 64 points of it each of four methods has 16, by chance 16 ± 3.5."""
    suggester = Suggester("qmc", space, config.objectives, (), seed=0)
    for _ in range(64):
        suggester.suggest()
    asked = suggester._study.trials[:64]
    for step in STEPS:
        methods = [trial.params[f"{step}.method"] for trial in asked]
        assert all(abs(methods.count(method) - 16) <= 1 for method in METHODS)
