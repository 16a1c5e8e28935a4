"""The protocol of worlds: what is known, or supposed, of the recipes that a machine in virtual time runs."""

from __future__ import annotations

from typing import Protocol

from pipelines import StageKey
from search.study.outcome import Outcome
from search.study.trial import Trial
from spaces import Recipe


class World(Protocol):
    """Everything that a trial would cost and find."""

    def chain(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """The stages that a trial of `recipe` needs, each after those that it follows."""

    def own(self, recipe: Recipe) -> tuple[StageKey, ...]:
        """Those of them that lead to the file of `recipe`."""

    def seconds(self, stage: StageKey) -> float:
        """The seconds that it takes to compute `stage`."""

    def measuring(self, recipe: Recipe) -> float:
        """The seconds of a trial of `recipe` when every stage is there."""

    def outcome(self, trial: Trial) -> Outcome:
        """How `trial` ends."""
