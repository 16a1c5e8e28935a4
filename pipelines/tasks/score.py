"""The scores of examples: what the accuracy is the mean of."""

from __future__ import annotations

import torch
from torch import Tensor

from pipelines.errors import TrialFailed
from pipelines.tasks.declared import loss_name, reading_of
from pipelines.tasks.fault import defined
from pipelines.tasks.hooks import OwnScore
from pipelines.tasks.losses import NEXT_TOKEN
from pipelines.tasks.task import Outputs, Task, score_of
from pipelines.tasks.tensors import Targets, examples_in, scored


def example_scores(task: Task, outputs: Outputs, targets: Targets) -> Tensor:
    """The score of each example of a batch, shape (examples,), in double precision.

    The default leaves out examples all of whose labels are ignored; see `pipelines.tasks.task.top1`.

    Raises:
        TrialFailed: there is not one finite number for each example.
    """
    if not isinstance(task, OwnScore):
        if not isinstance(targets, Tensor):
            raise TrialFailed("targets are several tensors; give the task a score(outputs, targets) that reads them")
        _check_targets(task, scored(outputs), targets)
        return score_of(task)(outputs, targets).double()
    count = examples_in(targets)
    score, wanted = score_of(task), f"not one number per example: a tensor of shape ({count},)"
    scores = score(outputs, targets)
    if not isinstance(scores, Tensor):
        raise TrialFailed(f"{defined(score)} gives a {type(scores).__name__}, {wanted}")
    if scores.shape != (count,):
        mean = "; leave the mean out" if scores.numel() == 1 else ""
        raise TrialFailed(f"{defined(score)} gives a tensor of shape {tuple(scores.shape)}, {wanted}{mean}")
    if scores.is_complex() or not torch.isfinite(scores).all():
        raise TrialFailed(f"{defined(score)} gives numbers that are not finite")
    return scores.double()


def _check_targets(task: Task, outputs: Tensor, targets: Tensor) -> None:
    """See whether there is one label for whatever outputs have a class for, or one number for each number.

    Raises:
        TrialFailed: the targets are nothing that `outputs` can be compared with.
    """
    reading, own = reading_of(task), loss_name(task)
    named = f"the accuracy that goes with the loss {own}" if own else "the default accuracy"
    if reading.kind == "classes":
        logits = reading.classes_second(outputs)
        expected = tuple(targets.shape) if own == NEXT_TOKEN else (*logits.shape[:1], *logits.shape[2:])
        fits = outputs.dim() >= 2 and not targets.is_floating_point() and tuple(targets.shape) == tuple(expected)
        if own == NEXT_TOKEN:
            fits = fits and outputs.dim() == 3 and tuple(targets.shape) == tuple(outputs.shape[:2])
        what, does = "classes", "classes"
    else:
        fits = targets.shape == outputs.shape
        what, does = "values", "each output with its target"
    if not fits:
        raise TrialFailed(
            f"targets of shape {tuple(targets.shape)} and type {_word(targets)} are no {what} for outputs of shape "
            f"{tuple(outputs.shape)}, and {named} compares {does}; give the task a score(outputs, targets)"
        )


def _word(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
