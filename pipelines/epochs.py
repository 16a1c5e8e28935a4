"""Epochs of a recipe's networks, the teacher apart: it is trained once, whatever the recipe."""

from __future__ import annotations

from pipelines.pipeline import FIRST_STAGE, network_stages
from pipelines.stages import STAGE_TYPES, Trains
from pipelines.training.settings import Training
from spaces import Recipe

_TRAININGS = frozenset(stage.name for stage in STAGE_TYPES if issubclass(stage, Trains)) - {FIRST_STAGE}


def epochs_of(recipe: Recipe, training: Training) -> tuple[int, ...]:
    """The epochs of every training of `recipe` but the teacher's, in the order of its stages; 0 where there is none."""
    stages = (stage for stage, _ in network_stages(recipe) if stage.name != FIRST_STAGE)
    return tuple(stage.epochs(training) for stage in stages if isinstance(stage, Trains))


def is_training(stage: str) -> bool:
    """Return True if the stage called `stage` trains a network other than the teacher."""
    return stage in _TRAININGS
