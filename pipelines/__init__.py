"""How one recipe becomes a measured file.

The names below are loaded when they are first asked for: the meter's own process imports parts of this package, and
torch must not come with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.errors import TaskChanged, TrialFailed
    from pipelines.evaluator import Evaluation, Evaluator
    from pipelines.identity import TaskIdentity
    from pipelines.meters import METRICS
    from pipelines.pipeline import Built, StageKey, StageRun, run_recipe
    from pipelines.runtimes import RUNTIMES, Target
    from pipelines.stages import STEPS
    from pipelines.store import Store
    from pipelines.suitability import runtime_problem, scheme_problem, suited
    from pipelines.tasks.task import BUILT_IN, Batch, Inputs, Split, Task, load_task
    from pipelines.training.settings import Section, Training

_MODULES = {
    "errors": ("TaskChanged", "TrialFailed"),
    "evaluator": ("Evaluation", "Evaluator"),
    "identity": ("TaskIdentity",),
    "meters": ("METRICS",),
    "pipeline": ("Built", "StageKey", "StageRun", "run_recipe"),
    "runtimes": ("RUNTIMES", "Target"),
    "training.settings": ("Section", "Training"),
    "stages": ("STEPS",),
    "store": ("Store",),
    "suitability": ("runtime_problem", "scheme_problem", "suited"),
    "tasks.task": ("BUILT_IN", "Batch", "Inputs", "Split", "Task", "load_task"),
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
    "BUILT_IN",
    "METRICS",
    "RUNTIMES",
    "STEPS",
    "Batch",
    "Built",
    "Evaluation",
    "Evaluator",
    "Inputs",
    "Section",
    "Split",
    "StageKey",
    "StageRun",
    "Store",
    "Target",
    "Task",
    "TaskChanged",
    "TaskIdentity",
    "Training",
    "TrialFailed",
    "load_task",
    "run_recipe",
    "runtime_problem",
    "scheme_problem",
    "suited",
]
