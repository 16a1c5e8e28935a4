"""How long the networks of a recipe are trained."""

from __future__ import annotations

from pipelines.pipeline import network_stages
from pipelines.stages import Distil, Prune, QuantizationAwareTraining
from pipelines.training.settings import Training
from spaces import Recipe

TRAINED = {
    Distil.name: "student_epochs",
    Prune.name: "finetune_epochs",
    QuantizationAwareTraining.name: "qat_epochs",
}
"""The stages that train, the teacher's apart, with the setting that says for how long."""


def epochs_of(recipe: Recipe, training: Training) -> tuple[int, ...]:
    """The epochs of every training of `recipe` but the teacher's, in the order of its stages; 0 where there is none."""
    return tuple(getattr(training, TRAINED[stage.name]) for stage, _ in network_stages(recipe) if stage.name in TRAINED)
