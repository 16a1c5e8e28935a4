"""The one training loop: teacher, students and fine-tuning go through it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.tasks.task import as_tuple, loss_of, move
from pipelines.training.context import Context
from pipelines.training.learning_rate import RATES
from pipelines.training.trajectory import State, TrainingPhase

StepLoss = Callable[[tuple[Tensor, ...], Tensor, Tensor], Tensor]
"""``(inputs, outputs, targets) -> scalar``; inputs are given for losses that ask another network."""


def train(
    model: nn.Module,
    context: Context,
    *,
    epochs: int,
    until: int | None = None,
    phase: int | None = None,
    loss: StepLoss | None = None,
    after_step: Callable[[], None] = lambda: None,
) -> nn.Module:
    """Train `model` in place with AdamW; returns it in evaluation mode, on the CPU.

    It goes on from the latest state that `Context.trajectory` has of this training. All generators are seeded at the
    start of every epoch and at the end, so that on a CPU the result is the same, bit for bit, in one go or in several.
    Between two steps it gives way to those who wait to measure on this machine; see `pipelines.lease`.

    Args:
        model: What to train; its weights at the start depend on nothing but the trajectory.
        context: The task, whose ``train`` split is used, how to train and on which device.
        epochs: Passes for which the schedule of the learning rate is made; 0 leaves the weights as they are.
        until: After how many of them to stop; after the context's share of them, when None.
        phase: Which training of its stage it is, if there are several. They are not gone on from by longer ones.
        loss: What to minimise; the task's own loss, when None.
        after_step: Called after each change of the weights, for what has to hold of them.

    Raises:
        TrialFailed: the weights, or the loss, are not finite numbers, or there are no batches.
    """
    training, rate, trajectory = context.training, RATES[context.training.schedule], context.trajectory
    until = context.extent(epochs).epochs if until is None else until
    course = TrainingPhase(epochs, rate.common(epochs) if phase is None else 0, phase)
    loss = loss or task_loss(context)
    model.to(context.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    _check_weights(model)
    done = 0
    if found := trajectory.latest(course, until):
        done, state = found
        _restore(model, optimizer, state)
    for epoch in range(done, until):
        trajectory.seed(epoch, phase)
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * rate.share(epoch, epochs)
        total = _pass(model, optimizer, context, loss, after_step)
        if not torch.isfinite(total):
            raise TrialFailed(_why_not_finite(context, f"{total.item():g} in epoch {epoch + 1} of {epochs}"))
        last = context.fidelity < 1 and epoch + 1 == until
        trajectory.passed(course, epoch + 1, lambda: _state(model, optimizer), last=last)
    trajectory.seed(until, phase)
    return model.eval().cpu()


def task_loss(context: Context) -> StepLoss:
    """The task's own loss, as `train` takes it."""
    loss = loss_of(context.task)
    return lambda inputs, outputs, targets: loss(outputs, targets)


def _pass(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    context: Context,
    loss: StepLoss,
    after_step: Callable[[], None],
) -> Tensor:
    """Train for one epoch; returns the sum of the batches' losses, a scalar."""
    device, seen = context.device, 0
    total = torch.zeros((), device=device)
    for inputs, targets in context.task.batches("train"):
        moved, targets = move(inputs, device), targets.to(device)
        value = loss(moved, model(*as_tuple(moved)), targets)  # a loss may ask another network
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        after_step()
        context.lease.give_way(lambda: _settle(device))
        total, seen = total + value.detach(), seen + 1
    if not seen:
        raise TrialFailed("the train split has no batches")
    return total


def _check_weights(model: nn.Module) -> None:
    """See to it that training begins with numbers.

    Raises:
        TrialFailed: some weights are not.
    """
    for name, parameter in model.named_parameters():  # a buffer may be infinite: a mask
        if not torch.isfinite(parameter.detach()).all():
            advice = "look at what fills them, such as a checkpoint that the task loads"
            raise TrialFailed(f"before training, {name} of the network is not finite (NaN or infinite); {advice}")


def _why_not_finite(context: Context, loss: str) -> str:
    """Return why the loss became `loss`: the batches' fault where they surely are it."""
    rate = f"lower training.learning_rate (now {context.training.learning_rate:g})"
    for index, (inputs, targets) in enumerate(context.task.batches("train")):
        batch = f"batch {index} of the train split"
        if not len(targets):
            return f"{batch} is empty, so that its loss is no number; leave such batches out"
        for name, tensors in (("inputs", as_tuple(inputs)), ("targets", (targets,))):
            if any(tensor.isnan().any() for tensor in tensors):
                return f"{batch} has {name} that are NaN; clean the data"
            if any(tensor.isinf().any() for tensor in tensors):
                return (
                    f"the loss became {loss}; {batch} has infinite {name}: clean the data or, if they are meant, {rate}"
                )
    return f"the loss became {loss}; {rate}"


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of `model` by name, those too that a file of its weights would leave out."""
    return {name: tensor.detach() for name, tensor in chain(model.named_parameters(), model.named_buffers())}


def _state(model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    return {"tensors": _tensors(model), "optimizer": optimizer.state_dict()}


def _restore(model: nn.Module, optimizer: torch.optim.Optimizer, state: State) -> None:
    for name, tensor in _tensors(model).items():
        tensor.copy_(state["tensors"][name])
    optimizer.load_state_dict(state["optimizer"])


def _settle(device: torch.device) -> None:
    """Wait until `device` has done what it was given: a GPU works on after the call that starts it has returned."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
