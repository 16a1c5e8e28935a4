"""Quantization-aware training: the network learns to live with the rounding of its int8 file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from pipelines.errors import TrialFailed
from pipelines.networks.fake_quantization import FakeQuantization
from pipelines.pruners.checkpoint import Checkpoint, pruned_weights
from pipelines.quantizers import Calibration
from pipelines.stages.stage import Form
from pipelines.tasks.task import as_tuple
from pipelines.training.accuracy import network_accuracy
from pipelines.training.context import Context
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.loop import train
from pipelines.training.masks import keep_zeros
from pipelines.training.settings import Training
from spaces import Params

RATE = 0.1
"""The learning rate, as a share of that of training: the network is moved a little, not trained anew."""

REPORT = "qat.json"
"""The accuracy on the validation split: in floating point, rounded before the training, and rounded after it."""


class QuantizationAwareTraining:
    """Train the parent's network with its weights and activations rounded as in 8 bits, starting from its own ranges.

    The result is an ordinary network of the same structure, in floating point, that loses little when its file is
    quantized. Zeros of weights stay zeros.
    """

    name = "qat"
    form: Form = "network"
    version = 3
    libraries: tuple[str, ...] = ("torch",)

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        return {"rate": RATE, **context.training.optimizer()}

    def extent(self, params: Params, context: Context) -> EpochBudget:
        """See `Trains.extent`."""
        return context.extent(self.epochs(context.training))

    def epochs(self, training: Training) -> int:
        """See `Trains.epochs`."""
        return training.qat_epochs

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        before = Checkpoint.load(parent, context.task)
        model, calibration = before.model, Calibration.of(context.task, params, context.lease.give_way)
        example, per_channel = as_tuple(context.task.example_input()), params["granularity"] == "channel"
        report = {"floating": network_accuracy(model, context)}
        keep = keep_zeros(model, pruned_weights(before.structure))  # rounding gives parameters other names
        with FakeQuantization(model, example, per_channel=per_channel) as rounding:
            rounding.calibrate(calibration.inputs())
            report["rounded_before"] = network_accuracy(model, context)
            _train(model, context, keep)
            rounding.calibrate(calibration.inputs())  # as the file's ranges will be found
            report["rounded_after"] = network_accuracy(model, context)
        Checkpoint(model, before.structure).save(out)
        (out / REPORT).write_text(json.dumps(report, indent=1), encoding="utf-8")


def _train(model: nn.Module, context: Context, keep: Callable[[], None]) -> None:
    slower = context.training.model_copy(update={"learning_rate": RATE * context.training.learning_rate})
    try:
        train(
            model,
            replace(context, training=slower),
            epochs=QuantizationAwareTraining().epochs(context.training),
            after_step=keep,
        )
    except TrialFailed as error:
        raise TrialFailed(
            f"quantization-aware training, at {RATE:g} times training.learning_rate: {error.reason}"
        ) from error
