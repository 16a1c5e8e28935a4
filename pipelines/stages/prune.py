"""Pruning: weights are removed, and what is left is trained a little more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.checkpoint import Checkpoint
from pipelines.pruners import PRUNERS
from pipelines.stages.stage import Context
from pipelines.stages.technique import switched
from pipelines.task import loss_of
from pipelines.training import train
from spaces import Params, StepSpec

PRUNE = StepSpec(
    "prune",
    switched("pruning.method", PRUNERS, default="channel", help="what is removed"),
    label=lambda p: PRUNERS[str(p["method"])].label(p),
)


class Prune:
    """Prune the parent's network, then fine-tune it."""

    name = "prune"
    version = 1
    libraries: tuple[str, ...] = ("torch", "torch-pruning")

    def settings(self, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        training = context.training.model_dump(include={"learning_rate", "weight_decay"})
        return {"epochs": context.training.finetune_epochs, **training}

    def run(self, parents: tuple[Path, ...], out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        parent = Checkpoint.load(parents[-1], context.task)
        pruner = PRUNERS[str(params["method"])]
        history = pruner.prune(parent.model, context.task.example_input(), params)
        loss = loss_of(context.task)
        model = train(
            parent.model,
            lambda: context.task.batches("train"),
            lambda inputs, outputs, targets: loss(outputs, targets),
            epochs=context.training.finetune_epochs,
            training=context.training,
            device=context.device,
        )
        Checkpoint(model, [*parent.structure, {"pruner": pruner.name, "history": history}]).save(out)
