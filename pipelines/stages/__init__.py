"""The stages of which the work on a recipe is made."""

from collections.abc import Callable, Mapping, Sequence

from pipelines.stages.distil import DISTIL, Distil
from pipelines.stages.export import Export
from pipelines.stages.pack import Pack
from pipelines.stages.prune import PRUNE, Prune
from pipelines.stages.qat import QuantizationAwareTraining
from pipelines.stages.quantization_sensitivity import QuantizationSensitivity
from pipelines.stages.quantize import QUANTIZE, Quantize, quantization
from pipelines.stages.sensitivity import AnalyseSensitivity, analysis
from pipelines.stages.stage import Form, Listens, Stage, Trains
from pipelines.stages.teacher import TrainTeacher
from spaces import Params, StepSpec

STEPS: tuple[StepSpec, ...] = (DISTIL, PRUNE, QUANTIZE)
"""The steps of which recipes are made, in the order that they have unless a sweep says otherwise."""

Work = tuple[Stage, Params]
"""A stage, and those of its step's parameters that it reads: with fewer of them, more recipes share its result."""

STAGES: Mapping[str, Callable[[Params], Sequence[Work]]] = {
    DISTIL.name: lambda params: ((Distil(), params),),
    PRUNE.name: lambda params: (*analysis(params), (Prune(), params)),
    QUANTIZE.name: quantization,
}
"""The work of each step, in order, given the step's parameters by key."""

STAGE_TYPES: tuple[type[Stage], ...] = (
    TrainTeacher,
    Distil,
    AnalyseSensitivity,
    Prune,
    QuantizationAwareTraining,
    Export,
    QuantizationSensitivity,
    Quantize,
    Pack,
)
"""Every kind of stage that work is made of."""

__all__ = [
    "STAGES",
    "STAGE_TYPES",
    "STEPS",
    "AnalyseSensitivity",
    "Distil",
    "Export",
    "Form",
    "Listens",
    "Pack",
    "Prune",
    "QuantizationAwareTraining",
    "QuantizationSensitivity",
    "Quantize",
    "Stage",
    "TrainTeacher",
    "Trains",
    "Work",
]
