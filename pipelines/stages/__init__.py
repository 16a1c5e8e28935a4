"""The stages of which the work on a recipe is made."""

from collections.abc import Callable, Mapping, Sequence

from pipelines.stages.distil import DISTIL, Distil
from pipelines.stages.export import Export
from pipelines.stages.prune import PRUNE, Prune
from pipelines.stages.quantize import QUANTIZE, Quantize
from pipelines.stages.stage import MODEL, Form, Stage
from pipelines.stages.teacher import TrainTeacher
from spaces import Params, StepSpec

STEPS: tuple[StepSpec, ...] = (DISTIL, PRUNE, QUANTIZE)
"""The steps of which recipes are made, in their order."""

STAGES: Mapping[str, Callable[[Params], Sequence[Stage]]] = {
    DISTIL.name: lambda params: (Distil(),),
    PRUNE.name: lambda params: (Prune(),),
    QUANTIZE.name: lambda params: (Quantize(),),
}
"""The stages that do the work of each step, given the step's parameters by key."""

__all__ = ["MODEL", "STAGES", "STEPS", "Distil", "Export", "Form", "Prune", "Quantize", "Stage", "TrainTeacher"]
