"""The stages, in the order in which a recipe uses them."""

from pipelines.stages.distil import DISTIL, Distil
from pipelines.stages.export import Export
from pipelines.stages.prune import PRUNE, Prune
from pipelines.stages.quantize import QUANTIZE, Quantize
from pipelines.stages.stage import MODEL, Context, Stage
from pipelines.stages.teacher import TrainTeacher
from spaces import StepSpec

STEPS: tuple[StepSpec, ...] = (DISTIL, PRUNE, QUANTIZE)
"""The steps of which recipes are made, in their order."""

__all__ = ["MODEL", "STEPS", "Context", "Distil", "Export", "Prune", "Quantize", "Stage", "TrainTeacher"]
