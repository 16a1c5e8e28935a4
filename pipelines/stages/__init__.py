"""The stages of which the work on a recipe is made."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache

from pipelines.stages.distil import DISTIL, Distil, distil_of, distil_with, distillation
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


def steps_of(section: object) -> tuple[StepSpec, ...]:
    """`STEPS` with the parameters that the ``space`` section of a sweep's file names and only its task knows of."""
    return (distil_of(section), *STEPS[1:])


def steps_with(names: Collection[str]) -> tuple[StepSpec, ...]:
    """`STEPS` with those of the parameters `names`, by full name, that only a task knows of."""
    return _steps_with(frozenset(names))


@lru_cache
def _steps_with(names: frozenset[str]) -> tuple[StepSpec, ...]:
    """The same: thousands of trials of a sweep have few sets of names between them."""
    return (distil_with(names), *STEPS[1:])


Work = tuple[Stage, Params]
"""A stage, and those of its step's parameters that it reads: with fewer of them, more recipes share its result."""

STAGES: Mapping[str, Callable[[Params], Sequence[Work]]] = {
    DISTIL.name: lambda params: ((Distil(), distillation(params)),),
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
    "steps_of",
    "steps_with",
]
