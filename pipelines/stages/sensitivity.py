"""Sensitivity analysis: which layers can be cut, found out once for all ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from pipelines.pruners import PRUNERS
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.pruners.options import BY_SENSITIVITY
from pipelines.pruners.sensitivity import OnProgress, analyse
from pipelines.stages.listening import KEYS
from pipelines.stages.pruning_request import pruning_request
from pipelines.stages.stage import Form
from pipelines.training.accuracy import network_accuracy
from pipelines.training.batchnorm import reestimate_statistics
from pipelines.training.context import Context
from spaces import Params

EIGHTHS: tuple[float, ...] = tuple(eighth / 8 for eighth in range(1, 8))
"""The ratios that are analysed for pruning: only measured cuts can be chosen, so they are close to each other."""

NOT_READ = frozenset({"ratio", "scope", "steps", "schedule", "finetune"}) | KEYS
"""Parameters of the prune step that change nothing here: recipes that differ in them share one analysis."""


class AnalyseSensitivity:
    """Pass the parent's network through, and write beside it what cutting each layer alone does to its accuracy.

    Args:
        ratios: The ratios to cut each layer by.
        on_progress: Notified of progress; see `pipelines.pruners.sensitivity.analyse`.
    """

    name = "sensitivity"
    form: Form = "network"
    version = 2
    libraries: tuple[str, ...] = ("torch", "torch-pruning")

    def __init__(
        self, ratios: Sequence[float] = EIGHTHS, on_progress: OnProgress = lambda layer, done, total: None
    ) -> None:
        self._ratios, self._on_progress = tuple(sorted(ratios)), on_progress

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        return {"ratios": list(self._ratios), **context.exclude.settings("pruning")}

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        before = Checkpoint.load(parent, context.task)
        pruner, cut = PRUNERS[str(params["method"])], pruning_request(before.model, params, context, ratio=0.0)

        def score(network: nn.Module) -> float:
            # Choices are made by it, so it is neither the split by which trials are compared nor the test split.
            reestimate_statistics(network, context)
            return network_accuracy(network, context, "calibration")

        analyse(before.model, pruner, cut, self._ratios, score, self._on_progress).write(out)
        before.save(out)


def analysis(params: Params) -> tuple[tuple[AnalyseSensitivity, Params], ...]:
    """The analysis that comes before pruning with `params`, if one does, and what it reads of them."""
    return ((AnalyseSensitivity(), read_by_analysis(params)),) if params.get("scope") == BY_SENSITIVITY else ()


def read_by_analysis(params: Params) -> dict[str, Any]:
    """Those of the prune step's parameters that change what the analysis finds."""
    return {key: value for key, value in params.items() if key not in NOT_READ}
