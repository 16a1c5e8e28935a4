"""The rows of scores: labels beside predictions, without what does not count."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pipelines.scores.score import Rows
from pipelines.tasks.losses import shifted
from pipelines.tasks.reading import Reading


def classes(outputs: Tensor, targets: Tensor, reading: Reading, shift: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The logits (rows, classes), labels (rows,) and examples (rows,) of all positions whose labels count."""
    logits, labels = shifted(outputs, targets) if shift else (reading.classes_second(outputs), targets)
    examples = torch.arange(len(labels)).view(-1, *[1] * (labels.dim() - 1)).expand(labels.shape)
    counted = labels != reading.ignored
    return logits.movedim(1, -1)[counted], labels[counted], examples[counted]


def predicted(outputs: Tensor, targets: Tensor, reading: Reading, shift: bool) -> Rows:
    """The label and the predicted class of each position: columns label, prediction."""
    logits, labels, examples = classes(outputs, targets, reading, shift)
    return Rows(torch.stack([labels, logits.argmax(1)], 1).numpy(), examples.numpy())


def probabilities(outputs: Tensor, targets: Tensor, reading: Reading, shift: bool) -> Rows:
    """The label of each position and the probability of each class."""
    logits, labels, examples = classes(outputs, targets, reading, shift)
    values = torch.cat([labels[:, None].double(), logits.double().softmax(1)], 1)
    return Rows(values.numpy(), examples.numpy())


def label_rows(outputs: Tensor, targets: Tensor, reading: Reading, decide: bool) -> Rows:
    """The labels of each example and what was predicted of them: as yes and no, or as scores that rank.

    One that does not count is a no that was found, of which F1 and intersections know nothing; where labels are ranked
    it is NaN.
    """
    flat, wanted = outputs.reshape(len(outputs), -1), targets.reshape(len(targets), -1)
    counted = wanted != reading.ignored
    found = (flat > 0).double() * counted if decide else flat.double()
    values = torch.cat([wanted.double().where(counted, 0.0 if decide else torch.nan), found], 1)
    return Rows(values.numpy(), np.arange(len(flat)))


def number_rows(outputs: Tensor, targets: Tensor) -> Rows:
    """Each number that was predicted: columns target, output."""
    values = torch.stack([targets.reshape(-1).double(), outputs.reshape(-1).double()], 1)
    each = outputs[:1].numel()
    return Rows(values.numpy(), np.repeat(np.arange(len(outputs)), each))


def halves(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first half of the columns, and the second."""
    half = values.shape[1] // 2
    return values[:, :half], values[:, half:]
