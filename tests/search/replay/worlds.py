"""A world with known costs: for tests of what runs in it."""

from pipelines import StageKey
from pipelines.meters import Measurement
from search.study.outcome import Complete
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
