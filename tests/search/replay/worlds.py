"""Worlds and sweeps with known costs: for tests of replays."""

from random import Random

from pipelines import StageKey, StageRun
from pipelines.ledger import MEASURING as LEDGER_MEASURING
from pipelines.meters import Measurement
from pipelines.pipeline import outline
from search.study.outcome import Complete
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.trial import Trial
from spaces import Recipe
from tests.search.results import complete
from tests.search.simulator import SECONDS as TOOK
from tests.search.simulator import chain

SECONDS, MEASURING = 10.0, 1.0


class Flat:
    """Every stage takes ten seconds, measuring one; what a recipe finds is given."""

    def __init__(self, find) -> None:
        self._find = find

    def chain(self, recipe) -> tuple[StageKey, ...]:
        return chain(recipe)

    own = chain

    def seconds(self, stage) -> float:
        return SECONDS

    def measuring(self, recipe) -> float:
        return MEASURING

    def outcome(self, trial) -> Complete:
        return Complete(Measurement(self._find(trial.recipe)), "")


def small_sweep(config, analytic) -> Sweep:
    """The sweep `config` after the teacher and 29 random recipes, each of which computed what was not there yet."""
    rng, store, now = Random(0), set(), 0.0
    params = {Recipe(): {}}
    while len(params) < 30:
        point = config.space.draw(rng)
        params.setdefault(config.space.recipe(point), point)
    trials = []
    for number, (recipe, point) in enumerate(params.items()):
        runs = [StageRun(s.name, s.key, TOOK[s.name], reused=s in store) for s in outline(recipe)]
        store |= set(outline(recipe))
        ended = now + sum(run.seconds for run in runs if not run.reused) + TOOK["measure"]
        metrics, spent = analytic(recipe).measurement.metrics, {LEDGER_MEASURING: TOOK["measure"]}
        result = complete(number, now, ended, metrics, stages=tuple(runs), seconds=spent)
        trials.append(Trial(number, recipe, point, "", now, result))
        now = ended
    return Sweep(config, tuple(trials), SweepState.of(trials, config))
