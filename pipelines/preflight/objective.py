"""The loss and the score of a task, tried on the outputs of its untrained teacher."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pipelines.errors import TrialFailed
from pipelines.preflight.batches import Sample
from pipelines.preflight.findings import Findings
from pipelines.preflight.progress import at
from pipelines.scores import scores_problem
from pipelines.scores.gathering import SEVERAL
from pipelines.tasks.declared import loss_name, reading_of, score_names
from pipelines.tasks.fault import FAULTS, defined, told
from pipelines.tasks.hooks import OwnScore
from pipelines.tasks.score import example_scores
from pipelines.tasks.task import Outputs, Split, Task, as_tuple, loss_of
from pipelines.tasks.tensors import Targets, names_of, parts, scored

BROADCAST = "Using a target size"
"""So begins PyTorch's warning that a loss compares each output with each target."""


def batch_outputs(teacher: nn.Module, samples: Mapping[Split, Sample], findings: Findings) -> dict[Split, Outputs]:
    """Return the outputs of `teacher` for a batch of each split; adds to `findings` where there are none."""
    found: dict[Split, Outputs] = {}
    for split, sample in samples.items():
        inputs = as_tuple(sample.batch[0])
        at(f"teacher() with batches({split!r})")
        try:
            with torch.no_grad():
                outputs: Outputs = teacher.eval()(*inputs)
        except FAULTS as error:
            findings.add("task.use", f": teacher() with inputs {_shapes(inputs)}: {told(error)}", f"batches({split!r})")
            continue
        if len(scored(outputs)) == len(inputs[0]):
            found[split] = outputs
        else:
            about = f": teacher() gives {tuple(scored(outputs).shape)} for inputs {_shapes(inputs)}"
            findings.add("task.use", f"{about}: the batch dimension has to come first", f"batches({split!r})")
    return found


def objective_problems(
    task: Task,
    outputs: Mapping[Split, Outputs],
    samples: Mapping[Split, Sample],
    findings: Findings,
    scored_splits: Sequence[Split] = ("validation",),
) -> bool:
    """Note what is wrong with the task's loss and its score.

    Args:
        task: The task.
        outputs: What its untrained teacher gives for a batch of each split, as far as it gives anything.
        samples: What was seen of the splits.
        findings: Where to note it.
        scored_splits: The splits on which networks are scored.

    Returns:
        Whether networks can be trained with the loss.
    """
    message = None
    if "train" in outputs:
        given = pytree.tree_map(lambda x: x.requires_grad_() if x.is_floating_point() else x, outputs["train"])
        message = _loss_problem(task, given, samples["train"])
    if message:
        findings.add("task.use", message)
    for split in scored_splits:
        if split in outputs and (wrong := _score_problem(task, outputs[split], samples[split].batch[1])):
            findings.add("task.use", *((wrong,) if split == "validation" else (f": {wrong}", f"batches({split!r})")))
            return not message
    if "validation" in outputs and (wrong := scores_problem(task)):
        findings.add("task.use", wrong)
    if message:
        return False
    odd = {split: _label_problem(task, outputs[split], samples[split]) for split in _labelled(task) if split in outputs}
    for split, wrong in odd.items():
        if wrong:
            findings.add("task.use", wrong, f"batches({split!r})")
    return not any(odd.values())


def _labelled(task: Task) -> Iterator[Split]:
    """The splits whose targets are read by what comes with Paredown: by a loss, an accuracy or a score."""
    if loss_name(task) is not None or getattr(task, "loss", None) is None:
        yield "train"
    if not isinstance(task, OwnScore) or score_names(task):
        yield "validation"


def _loss_problem(task: Task, outputs: Outputs, train: Sample) -> str | None:
    loss, targets = loss_of(task), train.batch[1]
    is_own, own_name = getattr(task, "loss", None) is not None, loss_name(task)
    name = f"the loss {own_name}" if own_name else defined(loss) if is_own else "the default loss, cross-entropy,"
    about = f"{name} of outputs {_shape(outputs)} and targets {_shape(targets)}"
    advice = "" if is_own else "; give the task a loss(outputs, targets)"
    if not isinstance(targets, Tensor) and (own_name or not is_own):
        return f"{about}: these are several tensors; give the task a loss(outputs, targets) that reads them"
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
    return None


def _label_problem(task: Task, outputs: Outputs, sample: Sample) -> str | None:
    """Return which labels of a split no output stands for; None if there are none, or if labels are no classes."""
    reading, logits = reading_of(task), scored(outputs)
    if reading.kind != "classes" or not sample.labels:
        return None
    dim = reading.dim_of(logits)
    classes = logits.shape[dim] if dim is not None and logits.dim() > 1 else 0
    low, high = sample.labels
    if low >= 0 and high < classes:
        return None
    odd = low if low < 0 else high
    return (
        f" has labels from {low} to {high}, but outputs {_shape(outputs)} have classes 0 to {classes - 1}; if a label "
        f"does not count, name it in the task's class, such as ignore_index = {odd}"
    )


def _score_problem(task: Task, outputs: Outputs, targets: Targets) -> str | None:
    at("the score")
    try:
        example_scores(task, outputs, targets)
    except TrialFailed as error:
        return error.reason
    except FAULTS as error:
        return f"score of outputs {_shape(outputs)} and targets {_shape(targets)}: {told(error)}"
    if score_names(task) and not isinstance(targets, Tensor):
        return f"scores: {SEVERAL}; leave out {', '.join(score_names(task))}"
    return None


def _shape(given: Outputs | Targets) -> str:
    if not isinstance(given, Tensor):
        tensors = parts(given)
        names = names_of(given) or [""] * len(tensors)
        return ", ".join(f"{name} {_shape(x)}".lstrip() for name, x in zip(names, tensors, strict=True))
    tensor = given
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _shapes(inputs: tuple[Tensor, ...]) -> str:
    return ", ".join(map(_shape, inputs))
