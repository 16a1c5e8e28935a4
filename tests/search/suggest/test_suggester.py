import pytest

from pipelines import STEPS
from pipelines.meters import Measurement
from search.samplers import SAMPLERS
from search.study.outcome import Complete, Failed, Stopped
from search.study.rung import Rung
from search.study.trial import Result, Trial
from search.suggest.suggester import Suggester
from spaces import Interval, Options, Parameter, Recipe, Rule, SearchSpace, StepSpec, When
from tests.search.results import complete

pytestmark = pytest.mark.parametrize("name", SAMPLERS)


@pytest.fixture
def make_suggester(make_config):
    def make(name: str, seed: int = 0, history: int = 400, **space) -> Suggester:
        config = make_config(constraints={"accuracy": ">= 0.9"}, **({"space": space} if space else {}))
        return Suggester(name, config.space, config.objectives, config.constraints, seed, history)

    return make


@pytest.fixture
def drive(config, analytic):
    """Ask and learn `count` times; every fifth trial fails. Gives the trials, the teacher first."""

    def run(suggester: Suggester, count: int, first: int = 0) -> list[Trial]:
        trials = []
        for number in range(first, first + count):
            params = suggester.suggest() if number else {}
            if params is None:
                break
            recipe = config.space.recipe(params) if number else Recipe()
            outcome = Failed("bad") if number % 5 == 4 else Complete(analytic(recipe).measurement, "m")
            result = Result(number, 0.0, 1.0, outcome)
            trial = Trial(number, recipe, params, recipe.label(STEPS), 0.0, result)
            suggester.learn(trial)
            trials.append(trial)
        return trials

    return run


def test_no_recipe_is_suggested_twice(name, make_suggester, drive) -> None:
    trials = drive(make_suggester(name), 30)
    assert len(trials) == 30
    assert len({trial.recipe.digest for trial in trials}) == 30


@pytest.mark.parametrize("seed", [2**32 - 1, 2**32, 2**63 - 1])
def test_any_seed_of_a_sweep_will_do(name, make_suggester, drive, seed: int) -> None:
    trials = drive(make_suggester(name, seed), 4)
    assert len({trial.recipe.digest for trial in trials}) == 4
    assert [t.recipe for t in trials] == [t.recipe for t in drive(make_suggester(name, seed), 4)]


def test_a_small_space_is_used_up_exactly(name, make_suggester, config, drive) -> None:
    suggester = make_suggester(name, student={"depth": ["none", 1]}, pruning={"ratio": [0.25, 0.5]})
    size = 4 * 3 * 2  # students × prunings × quantizations, the teacher among them
    trials = drive(suggester, 100)
    assert len({trial.recipe.digest for trial in trials}) == len(trials) == size
    assert suggester.suggest() is None
    assert suggester.suggest() is None


def test_a_space_is_used_up_exactly_with_nothing_learned_in_between(name, make_suggester, config) -> None:
    suggester = make_suggester(name, student={"depth": 1}, pruning={"ratio": [0.25, 0.5]})
    suggested = []
    while params := suggester.suggest():
        suggested.append(config.space.recipe(params).digest)
    assert len(set(suggested)) == len(suggested) == 3 * 3 * 2


def test_the_same_seed_suggests_the_same_and_another_seed_does_not(name, make_suggester, drive) -> None:
    def digests(seed: int) -> list[str]:
        return [trial.recipe.digest for trial in drive(make_suggester(name, seed), 16)]

    assert digests(3) == digests(3)
    assert digests(3) != digests(4)


def test_a_baseline_without_parameters_does_no_harm(name, make_suggester, drive) -> None:
    """All axes are still suggested, conditional ones included."""
    trials = drive(make_suggester(name), 25)
    seen = {key for trial in trials for key in trial.params}
    assert seen >= {"student.depth", "distillation.temperature", "pruning.ratio", "quantization.scheme"}
    for key in ("student.depth", "quantization.scheme", "pruning.method"):
        assert len({trial.params[key] for trial in trials if key in trial.params}) > 1


def test_it_begins_anew_past_its_history_and_goes_on_as_before(name, make_suggester, drive) -> None:
    suggester = make_suggester(name, history=8)
    trials = drive(suggester, 50)
    assert len({trial.recipe.digest for trial in trials}) == 50


def test_trials_that_run_while_it_begins_anew_are_learned_when_they_end(name, make_suggester, config, analytic) -> None:
    suggester = make_suggester(name, history=8)
    running = [suggester.suggest() for _ in range(40)]
    for number, params in enumerate(running):
        recipe = config.space.recipe(params)
        result = complete(number, 0.0, 1.0, analytic(recipe).measurement.metrics)
        suggester.learn(Trial(number, recipe, params, "", 0.0, result))
    again = [suggester.suggest() for _ in range(20)]
    assert len({config.space.recipe(params).digest for params in [*running, *again]}) == 60


def test_a_resumed_sampler_knows_what_was_tried(name, make_suggester, drive, make_trial, config) -> None:
    trials = drive(make_suggester(name), 20)
    first = make_suggester(name)
    first.resume(trials)
    suggested = first.suggest()
    digest = config.space.recipe(suggested).digest
    assert digest not in {trial.recipe.digest for trial in trials}
    running = Trial(20, config.space.recipe(suggested), suggested, "", 0.0)
    second = make_suggester(name)
    second.resume([*trials, running])
    assert all(
        config.space.recipe(second.suggest()).digest not in {digest, *(trial.recipe.digest for trial in trials)}
        for _ in range(10)
    )


def test_a_range_suggests_the_values_of_its_axis(name, make_suggester, drive) -> None:
    suggester = make_suggester(name, pruning={"method": "channel", "ratio": {"low": 0.1, "high": 0.9, "step": 0.1}})
    ratios = {trial.params["pruning.ratio"] for trial in drive(suggester, 30) if trial.params}
    assert ratios <= {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}
    assert len(ratios) > 4


def ruled_space() -> SearchSpace:
    """10,000 combinations of which 20 are legal, each in two orders: 40 recipes."""
    wide = [Parameter(f"{group}.size", Interval(0, 100, integer=True), default=0) for group in ("a", "b")]
    rules = tuple(Rule("too large", when=(When(parameter.name, (0,), negated=True),)) for parameter in wide)
    steps = (
        StepSpec("one", (Parameter("a.kind", Options(("none", "x"))), wide[0]), str, rules=rules),
        StepSpec("two", (Parameter("b.kind", Options(("none", *range(20)))), wide[1]), str),
    )
    section = {"a": {"kind": "x", "size": [*range(100)]}, "b": {"kind": [*range(20)], "size": [*range(100)]}}
    return SearchSpace.parse({**section, "order": ["one-two", "two-one"]}, steps)


def test_a_space_of_which_most_is_ruled_out_is_used_up_exactly(name, config) -> None:
    space = ruled_space()
    suggester = Suggester(name, space, config.objectives, (), seed=0)
    suggested = []
    while params := suggester.suggest():
        assert space.broken(params) == ()
        suggested.append(space.recipe(params))
        metrics = {"accuracy": 0.5, "latency_ms": float(params["b.kind"]), "size_mb": 1.0}
        suggester.learn(
            Trial(len(suggested), suggested[-1], params, "", 0.0, complete(len(suggested), 0.0, 1.0, metrics))
        )
    assert len(set(suggested)) == len(suggested) == space.size() == 40


def test_the_order_is_suggested_where_it_matters(name, config) -> None:
    suggester = Suggester(name, ruled_space(), config.objectives, (), seed=0)
    assert {suggester.suggest()["order"] for _ in range(30)} == {"one-two", "two-one"}


def test_stopped_trials_are_learned_as_infeasible_or_as_not_worth_it_and_never_as_complete(
    name, make_config, analytic
) -> None:
    config = make_config(constraints={"accuracy": ">= 0.9", "size_mb": "<= 1"})

    def make() -> Suggester:
        return Suggester(name, config.space, config.objectives, config.constraints, 0)

    suggester, trials = make(), []
    for number in range(1, 31):
        params = suggester.suggest()
        recipe = config.space.recipe(params)
        metrics = analytic(recipe).measurement.metrics
        trial = Trial(number, recipe, params, recipe.label(STEPS), 0.0)
        if number % 3:  # stopped: the larger half by the bound, the others by halving
            trial = trial.reach(Rung(0.0, Measurement(metrics))).finish(Result(number, 0.0, 1.0, Stopped("why")))
        else:
            trial = trial.finish(complete(number, 0.0, 1.0, metrics))
        suggester.learn(trial)
        trials.append(trial)
    resumed = make()
    resumed.resume(trials)
    stopped = [trial for trial in trials if trial.state == "stopped"]
    misses = sorted(trial.rungs[0].measurement.metrics["size_mb"] - 1 for trial in stopped)
    assert misses[0] <= 0 < misses[-1]
    for shown in (suggester._study.trials, resumed._study.trials):
        pruned = [trial for trial in shown if trial.state.name == "PRUNED"]
        assert sorted(trial.constraints["size_mb <= 1"] for trial in pruned) == pytest.approx(misses)
        assert all(trial.values is None and "accuracy >= 0.9" not in trial.constraints for trial in pruned)
        assert sum(trial.state.name == "COMPLETE" for trial in shown) == 10
    assert suggester.suggest()
    assert resumed.suggest()
