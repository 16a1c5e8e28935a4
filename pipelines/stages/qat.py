"""Quantization-aware training: the network learns to live with the rounding of its int8 file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from pipelines.distillers.teaching import teach
from pipelines.errors import TrialFailed
from pipelines.networks.fake_quantization import FakeQuantization
from pipelines.pruners.checkpoint import Checkpoint, pruned_weights
from pipelines.quantizers import Calibration
from pipelines.stages.listening import asks_teacher, teacher_for
from pipelines.stages.stage import Form
from pipelines.tasks.task import as_tuple
from pipelines.training.accuracy import network_accuracy
from pipelines.training.context import Context
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.masks import keep_zeros
from pipelines.training.settings import Training
from spaces import Params

REPORT = "qat.json"
"""The accuracy on the validation split: in floating point, rounded before the training, and rounded after it."""


class QuantizationAwareTraining:
    """Train the parent's network with its weights and activations rounded as in 8 bits, starting from its own ranges.

    The result is an ordinary network of the same structure, in floating point, that loses little when its file is
    quantized. Zeros of weights stay zeros.
    """

    name = "qat"
    form: Form = "network"
    version = 4
    libraries: tuple[str, ...] = ("torch",)

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        return context.training.of("qat").settings()

    def extent(self, params: Params, context: Context) -> EpochBudget:
        """See `Trains.extent`."""
        return context.extent(self.epochs(context.training))

    def epochs(self, training: Training) -> int:
        """See `Trains.epochs`."""
        return training.epochs("qat")

    def listens(self, params: Params) -> bool:
        """See `Listens.listens`."""
        return asks_teacher(params)

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
            self._train(model, before, teacher_for(parent, params, context), params, context, keep)
            rounding.calibrate(calibration.inputs())  # as the file's ranges will be found
            report["rounded_after"] = network_accuracy(model, context)
        Checkpoint(model, before.structure).save(out)
        (out / REPORT).write_text(json.dumps(report, indent=1), encoding="utf-8")

    def _train(
        self,
        model: nn.Module,
        before: Checkpoint,
        teacher: nn.Module | None,
        params: Params,
        context: Context,
        keep: Callable[[], None],
    ) -> None:
        gentle, epochs = bool(before.structure[0].get("gentle")), self.epochs(context.training)
        try:
            teach(model, teacher, context, params, epochs=epochs, kind="qat", gentle=gentle, after_step=keep)
        except TrialFailed as error:
            raise TrialFailed(f"quantization-aware training: {error.reason}") from error
