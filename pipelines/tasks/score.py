"""The scores of examples: what the accuracy is the mean of."""

from __future__ import annotations

import torch
from torch import Tensor

from pipelines.errors import TrialFailed
from pipelines.tasks.fault import defined
from pipelines.tasks.task import Task, has_own_score, score_of


def example_scores(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The score of each example of a batch, shape (examples,), in double precision.

    The default leaves out examples all of whose labels are ignored; see `pipelines.tasks.task.top1`.

    Raises:
        TrialFailed: there is not one finite number for each example.
    """
    if not has_own_score(task):
        _check_labels(outputs, targets)
        return score_of(task)(outputs, targets).double()
    score, wanted = score_of(task), f"not one number per example: a tensor of shape ({len(targets)},)"
    scores = score(outputs, targets)
    if not isinstance(scores, Tensor):
        raise TrialFailed(f"{defined(score)} gives a {type(scores).__name__}, {wanted}")
    if scores.shape != targets.shape[:1]:
        mean = "; leave the mean out" if scores.numel() == 1 else ""
        raise TrialFailed(f"{defined(score)} gives a tensor of shape {tuple(scores.shape)}, {wanted}{mean}")
    if scores.is_complex() or not torch.isfinite(scores).all():
        raise TrialFailed(f"{defined(score)} gives numbers that are not finite")
    return scores.double()


def _check_labels(outputs: Tensor, targets: Tensor) -> None:
    """The default compares classes: there is one label for whatever outputs have a class for.

    Raises:
        TrialFailed: the targets are no labels for `outputs`.
    """
    expected = (*outputs.shape[:1], *outputs.shape[2:])
    if outputs.dim() < 2 or targets.is_floating_point() or tuple(targets.shape) != expected:
        raise TrialFailed(
            f"targets of shape {tuple(targets.shape)} and type {_word(targets)} are no classes for outputs of shape "
            f"{tuple(outputs.shape)}, and the default accuracy compares classes; give the task a "
            "score(outputs, targets)"
        )


def _word(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
