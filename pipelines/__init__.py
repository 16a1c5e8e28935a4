"""The pipeline from a recipe to a measured file.

The names below are loaded when they are first asked for: the meter's own process imports parts of this package, and
torch must not come with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.errors import TaskChanged, TrialFailed
    from pipelines.evaluator import Evaluation, Evaluator
    from pipelines.formats import FORMATS, format_of
    from pipelines.identity import TaskIdentity
    from pipelines.meters import METRICS
    from pipelines.pipeline import StageKey, StageRun, run_recipe
    from pipelines.runtimes import RUNTIMES, Target, Targets
    from pipelines.stages import STEPS, steps_of, steps_with
    from pipelines.store import Store
    from pipelines.suitability import device_problem, metric_problem, runtime_problem, scheme_problem, suited
    from pipelines.tasks.task import Split, Task, load_task
    from pipelines.training.exclude import Exclude
    from pipelines.training.settings import Section, Training, within

_MODULES = {
    "errors": ("TaskChanged", "TrialFailed"),
    "evaluator": ("Evaluation", "Evaluator"),
    "formats": ("FORMATS", "format_of"),
    "identity": ("TaskIdentity",),
    "meters": ("METRICS",),
    "pipeline": ("StageKey", "StageRun", "run_recipe"),
    "runtimes": ("RUNTIMES", "Target", "Targets"),
    "training.exclude": ("Exclude",),
    "training.settings": ("Section", "Training", "within"),
    "stages": ("STEPS", "steps_of", "steps_with"),
    "store": ("Store",),
    "suitability": ("device_problem", "metric_problem", "runtime_problem", "scheme_problem", "suited"),
    "tasks.task": ("Split", "Task", "load_task"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


__all__ = [
    "FORMATS",
    "METRICS",
    "RUNTIMES",
    "STEPS",
    "Evaluation",
    "Evaluator",
    "Exclude",
    "Section",
    "Split",
    "StageKey",
    "StageRun",
    "Store",
    "Target",
    "Targets",
    "Task",
    "TaskChanged",
    "TaskIdentity",
    "Training",
    "TrialFailed",
    "device_problem",
    "format_of",
    "load_task",
    "metric_problem",
    "run_recipe",
    "runtime_problem",
    "scheme_problem",
    "steps_of",
    "steps_with",
    "suited",
    "within",
]
