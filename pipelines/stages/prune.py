"""Pruning: weights are removed, and what is left is trained a little more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.checkpoint import Checkpoint
from pipelines.context import Context
from pipelines.importances import IMPORTANCES
from pipelines.pruners import PRUNERS, Cut
from pipelines.stages.stage import Form
from pipelines.stages.technique import gains_of, rules_of, switched
from pipelines.training import train
from spaces import Params, StepSpec

PRUNE = StepSpec(
    "prune",
    switched("pruning.method", PRUNERS, default="channel", help="what is removed"),
    label=lambda p: PRUNERS[str(p["method"])].label(p),
    rules=rules_of("pruning.method", PRUNERS),
    gains=gains_of("pruning.method", PRUNERS),
)


class Prune:
    """Prune the parent's network, then fine-tune it."""

    name = "prune"
    form: Form = "network"
    version = 2
    libraries: tuple[str, ...] = ("torch", "torch-pruning")

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        training = context.training.model_dump(include={"learning_rate", "weight_decay"})
        return {"epochs": context.training.finetune_epochs, **training}

    def run(self, parents: tuple[Path, ...], out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        parent = Checkpoint.load(parents[-1], context.task)
        model = parent.model
        pruner, example = PRUNERS[str(params["method"])], context.task.example_input()
        cut = Cut(
            example,
            ratio=float(params["ratio"]),
            sizes=pruner.sizes(model, example),
            importance=IMPORTANCES[str(params["importance"])],
            params=params,
        )
        history = pruner.prune(model, cut)
        train(model, context, epochs=context.training.finetune_epochs)
        Checkpoint(model, [*parent.structure, {"pruner": pruner.name, "history": history}]).save(out)
