import pytest

from pipelines import STEPS
from pipelines.meters import Measurement
from search.study.outcome import Complete, Failed
from search.study.state import SweepState
from search.study.trial import Result, Trial
from search.suggest.costs import Costs
from search.suggest.in_flight import InFlight
from search.suggest.suffix_variants import MOST, WARM_UP, WINDOW, SuffixVariants
from spaces import Recipe
from tests.search.simulator import SECONDS, chain

SPACE = {"quantization": {"scheme": ["none", "dynamic-int8", "static-int8"], "calibrator": ["minmax", "entropy"]}}


class Sweep:
    """Feeds suffix variants with trials that have ended."""

    def __init__(self, config, analytic) -> None:
        self.config, self.analytic = config, analytic
        self.trials: list[Trial] = []
        self.stored: set[str] = set()
        costs = Costs()
        for name, seconds in SECONDS.items():
            costs.add(name, seconds)
        self.variants = SuffixVariants(config, InFlight(chain, self.stored.__contains__, costs), self.tried)

    def tried(self, recipe: Recipe) -> bool:
        return recipe in [trial.recipe for trial in self.trials]

    @property
    def state(self) -> SweepState:
        return SweepState.of(self.trials, self.config)

    def end(self, params, by="sampler", seconds=60.0, reason="", **metrics) -> None:
        recipe = self.config.space.recipe(params) if params else Recipe()
        before, number = self.state.hypervolume, len(self.trials)
        found = {**self.analytic(recipe).measurement.metrics, **metrics}
        outcome = Failed(reason) if reason else Complete(Measurement(found), "m")
        result = Result(number, 0.0, seconds, outcome)
        self.trials.append(Trial(number, recipe, params, recipe.label(STEPS), 0.0, result, by))
        self.stored |= {link.key for link in chain(recipe)}
        self.variants.learn(self.trials[-1], self.state.hypervolume - before)

    def propose(self, **options):
        return self.variants.propose(self.state, **options)


@pytest.fixture
def make_sweep(make_config, analytic):
    def make(**changes) -> Sweep:
        return Sweep(make_config(**{"space": SPACE, **changes}), analytic)

    return make


def student(depth: int, ratio: float | None = None, **quantization):
    params = {"student.depth": depth, "distillation.alpha": 0.0, "distillation.temperature": 2}
    pruning = {"pruning.method": "none"} if ratio is None else {"pruning.method": "channel", "pruning.ratio": ratio}
    return {**params, **pruning, **{f"quantization.{key}": value for key, value in quantization.items()}}


@pytest.fixture
def full(config):
    """All parameters of a recipe, those that have one value only included."""

    def complete(space, params):
        return space.propose(lambda axis: params.get(axis.name, axis.values[0]))

    return complete


@pytest.fixture
def warm(make_sweep, full):
    """A sweep in which the sampler has brought little of late, and nothing was quantized."""
    sweep = make_sweep()
    sweep.end({}, "baseline")
    for ratio in (0.25, 0.5, 0.75, None):
        sweep.end(full(sweep.config.space, student(1, ratio, scheme="none")), seconds=1e6)
    assert len(sweep.trials) == 1 + WARM_UP
    return sweep


def test_a_leaf_goes_on_from_networks_that_are_there(warm) -> None:
    leaf = warm.propose()
    assert leaf.by == "suffix"
    assert not warm.tried(leaf.recipe)
    assert leaf.recipe.parent() in [trial.recipe for trial in warm.trials]
    assert warm.config.space.recipe(leaf.params) == leaf.recipe


def test_no_recipe_is_proposed_twice_and_all_are_in_the_space(warm) -> None:
    legal = {warm.config.space.recipe(params).digest for params in warm.config.space.points()}
    found = []
    while leaf := warm.propose(idle=True):
        found.append(leaf.recipe.digest)
    assert 0 < len(found) == len(set(found))
    assert set(found) <= legal


def test_the_sampler_comes_first_until_it_can_be_compared_with(make_sweep, full) -> None:
    sweep = make_sweep()
    assert sweep.propose(idle=True) is None
    sweep.end({}, "baseline")
    sweep.end(full(sweep.config.space, student(1, 0.5, scheme="none")))
    assert sweep.propose() is None
    assert sweep.propose(idle=True)


PLAIN = {"student": {"depth": ["none", 1]}, **SPACE}


def firsts(sweep: Sweep) -> list[str]:
    found = []
    while proposal := sweep.propose():
        found.append(proposal.recipe.label(STEPS))
        sweep.end(proposal.params, proposal.by)
    return found


def test_the_teacher_by_each_scheme_comes_first_as_plain_as_can_be(make_sweep) -> None:
    sweep = make_sweep(space=PLAIN, search={"trials": 8})
    sweep.end({}, "baseline")
    assert firsts(sweep) == ["dynamic-int8", "static-int8"]


@pytest.mark.parametrize(("trials", "most"), [(3, 0), (4, 1), (8, 2), (800, 2)], ids=str)
def test_the_teachers_plain_variants_are_a_share_of_the_trials(make_sweep, trials: int, most: int) -> None:
    sweep = make_sweep(space=PLAIN, search={"trials": trials})
    sweep.end({}, "baseline")
    assert len(firsts(sweep)) == most


def test_what_needs_training_is_no_plain_variant(make_sweep) -> None:
    space = {**PLAIN, "quantization": {"scheme": ["none", "qat-int8", "static-int8"]}}
    sweep = make_sweep(space=space, search={"trials": 80})
    sweep.end({}, "baseline")
    assert firsts(sweep) == ["static-int8"]


def test_no_leaf_while_the_sampler_brings_more_for_its_time(make_sweep, full) -> None:
    sweep = make_sweep()
    sweep.end({}, "baseline")
    for ratio in (0.25, 0.5, 0.75, None):
        sweep.end(full(sweep.config.space, student(1, ratio, scheme="none")), seconds=1e-3)
    assert sweep.propose() is None


def test_variants_are_a_bounded_share_of_the_trials(warm) -> None:
    for _ in range(MOST):
        warm.variants.begun("suffix")
    assert warm.propose() is None
    for _ in range(WINDOW - MOST + 1):
        warm.variants.begun("sampler")
    assert warm.propose()


def test_what_helped_elsewhere_is_preferred(warm, full) -> None:
    space = warm.config.space
    for ratio in (0.25, 0.5):
        warm.end(full(space, student(1, ratio, scheme="dynamic-int8")), "suffix", latency_ms=9.0, size_mb=9.0)
        warm.end(full(space, student(1, ratio, scheme="static-int8")), "suffix")
    assert warm.propose().params["quantization.scheme"] == "static-int8"


def test_a_scheme_that_fails_is_tried_less(warm, full) -> None:
    first = warm.propose()
    scheme = first.params["quantization.scheme"]
    for ratio in (0.25, 0.5, 0.75):
        warm.end(full(warm.config.space, student(1, ratio, scheme=scheme)), "suffix", reason="not supported")
    assert warm.propose().params["quantization.scheme"] != scheme


def test_what_would_break_a_constraint_gains_nothing(make_sweep, full) -> None:
    sweep = make_sweep(constraints={"size_mb": "<= 0.01"})
    sweep.end({}, "baseline")
    for ratio in (0.25, 0.5, 0.75, None):
        sweep.end(full(sweep.config.space, student(1, ratio, scheme="none")), seconds=1e6)
    assert sweep.propose(idle=True) is None


def test_networks_that_have_to_be_trained_again_are_too_dear(warm) -> None:
    cheap = warm.propose()
    assert cheap
    warm.stored.clear()
    warm.variants.learn(warm.trials[-1], 0.0)
    again = warm.propose(idle=True)
    assert again is not None  # nothing else to do: even then


def test_the_oldest_candidates_go_when_there_are_many(warm, full, monkeypatch) -> None:
    monkeypatch.setattr("search.suggest.suffix_variants.KEPT", 2)
    warm.end(full(warm.config.space, student(2, 0.5, scheme="none")), seconds=1e6)
    found = []
    while leaf := warm.propose(idle=True):
        found.append(leaf)
    assert 0 < len(found) <= 2
    assert {leaf.params["student.depth"] for leaf in found} == {2}
