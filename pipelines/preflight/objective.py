"""The loss and the score of a task, tried on the outputs of its untrained teacher."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.preflight.batches import Sample
from pipelines.preflight.findings import Findings
from pipelines.preflight.progress import at
from pipelines.tasks.fault import FAULTS, defined, told
from pipelines.tasks.score import example_scores
from pipelines.tasks.task import Split, Task, as_tuple, loss_of

BROADCAST = "Using a target size"
"""So begins PyTorch's warning that a loss compares each output with each target."""


def batch_outputs(teacher: nn.Module, samples: Mapping[Split, Sample], findings: Findings) -> dict[Split, Tensor]:
    """Return the outputs of `teacher` for a batch of each split; adds to `findings` where there are none."""
    found: dict[Split, Tensor] = {}
    for split, sample in samples.items():
        inputs = as_tuple(sample.batch[0])
        at(f"teacher() with batches({split!r})")
        try:
            with torch.no_grad():
                outputs: Tensor = teacher.eval()(*inputs)
        except FAULTS as error:
            findings.add("task.use", f": teacher() with inputs {_shapes(inputs)}: {told(error)}", f"batches({split!r})")
            continue
        if len(outputs) == len(inputs[0]):
            found[split] = outputs
        else:
            about = f": teacher() gives {tuple(outputs.shape)} for inputs {_shapes(inputs)}"
            findings.add("task.use", f"{about}: the batch dimension has to come first", f"batches({split!r})")
    return found


def objective_problems(
    task: Task, outputs: Mapping[Split, Tensor], samples: Mapping[Split, Sample], findings: Findings
) -> bool:
    """Note what is wrong with the task's loss and its score.

    Args:
        task: The task.
        outputs: What its untrained teacher gives for a batch of each split, as far as it gives anything.
        samples: What was seen of the splits.
        findings: Where to note it.

    Returns:
        Whether networks can be trained with the loss.
    """
    message = _loss_problem(task, outputs["train"].requires_grad_(), samples["train"]) if "train" in outputs else None
    if message:
        findings.add("task.use", message)
    if "validation" in outputs:
        wrong = _score_problem(task, outputs["validation"], samples["validation"].batch[1])
        if wrong:
            findings.add("task.use", wrong)
    return not message


def _loss_problem(task: Task, outputs: Tensor, train: Sample) -> str | None:
    loss, targets = loss_of(task), train.batch[1]
    is_own = hasattr(task, "loss")
    name = defined(loss) if is_own else "the default loss, cross-entropy,"
    about = f"{name} of outputs {_shape(outputs)} and targets {_shape(targets)}"
    advice = "" if is_own else "; give the task a loss(outputs, targets)"
    with warnings.catch_warnings(record=True) as caught, torch.enable_grad():
        warnings.simplefilter("always")
        at("the loss")
        try:
            value = loss(outputs, targets)
        except FAULTS as error:
            return f"{about}: {told(error)}{advice}"
    if any(str(warning.message).startswith(BROADCAST) for warning in caught):
        return f"{about} compares each output with each target, as their shapes differ: bring them to one shape"
    if not isinstance(value, Tensor) or value.numel() != 1:
        given = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        return f"{about} gives {given}, not a tensor of one number; take the mean"
    if not value.requires_grad:
        return f"{about} does not depend on the outputs, so that nothing can be learned: do not detach or convert them"
    if not torch.isfinite(value):
        return f"{about} is {value.item():g} for the untrained teacher"
    classes = outputs.shape[1] if outputs.dim() > 1 else 0
    if not is_own and train.labels and not (train.labels[0] >= 0 and train.labels[1] < classes):
        low, high = train.labels
        return f"'train' has labels from {low} to {high}, but outputs {_shape(outputs)} have classes 0 to {classes - 1}"
    return None


def _score_problem(task: Task, outputs: Tensor, targets: Tensor) -> str | None:
    at("the score")
    try:
        example_scores(task, outputs, targets)
    except TrialFailed as error:
        return error.reason
    except FAULTS as error:
        return f"score of outputs {_shape(outputs)} and targets {_shape(targets)}: {told(error)}"
    return None


def _shape(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _shapes(inputs: tuple[Tensor, ...]) -> str:
    return ", ".join(map(_shape, inputs))
