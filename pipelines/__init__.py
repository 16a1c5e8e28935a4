"""How one recipe becomes a measured file."""

from pipelines.errors import TrialFailed
from pipelines.evaluator import Evaluator, Outcome
from pipelines.meters import METRICS
from pipelines.pipeline import Built, StageRun, run_recipe
from pipelines.runtimes import RUNTIMES
from pipelines.settings import Section, Target, Training
from pipelines.stages import STEPS
from pipelines.store import Store
from pipelines.suitability import runtime_problem, scheme_problem
from pipelines.task import BUILT_IN, Batch, Inputs, Split, Task, load_task

__all__ = [
    "BUILT_IN",
    "METRICS",
    "RUNTIMES",
    "STEPS",
    "Batch",
    "Built",
    "Evaluator",
    "Inputs",
    "Outcome",
    "Section",
    "Split",
    "StageRun",
    "Store",
    "Target",
    "Task",
    "Training",
    "TrialFailed",
    "load_task",
    "run_recipe",
    "runtime_problem",
    "scheme_problem",
]
