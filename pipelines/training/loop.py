"""The one training loop: teacher, students and fine-tuning go through it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._pytree import tree_leaves

from pipelines.errors import TrialFailed
from pipelines.tasks.batches import batches_of
from pipelines.tasks.declared import loss_name, reading_of
from pipelines.tasks.hooks import OwnFit, OwnLoss
from pipelines.tasks.losses import DEFAULT, labels
from pipelines.tasks.task import Outputs, as_tuple, loss_of
from pipelines.tasks.tensors import examples_in, scored
from pipelines.training.context import Context
from pipelines.training.early_stopping import EarlyStopping, calibration_loss
from pipelines.training.feed import Feed, feed_of
from pipelines.training.fit import fit
from pipelines.training.learning_rate import RATES, rate_share
from pipelines.training.settings import Hyperparameters, Kind
from pipelines.training.step import StepLoss, TrainingStep
from pipelines.training.step_runner import runner_for
from pipelines.training.trajectory import State, TrainingPhase
from pipelines.training.weight_average import WeightAverage, tensors_of
from spaces import counted


def train(
    model: nn.Module,
    context: Context,
    *,
    epochs: int,
    kind: Kind = "student",
    gentle: bool = False,
    until: int | None = None,
    phase: int | None = None,
    loss: StepLoss | None = None,
    after_step: Callable[[], None] = lambda: None,
) -> nn.Module:
    """Train `model` in place; returns it in evaluation mode, on the CPU.

    It goes on from the latest state that `Context.trajectory` has of this training. All generators are seeded at the
    start of every epoch and at the end, so that on a CPU the result is the same, bit for bit, in one go or in several.
    Between two steps it gives way to those who wait to measure on this machine; see `pipelines.lease`.

    A task's own ``fit`` takes the place of all that.

    Args:
        model: What to train; its weights at the start depend on nothing but the trajectory.
        context: The task, whose ``train`` split is used, how to train and on which device.
        epochs: Passes for which the schedule of the learning rate is made; 0 leaves the weights as they are.
        kind: Whose hyperparameters are taken.
        gentle: The network began with weights that were trained elsewhere, see `Training.of`.
        until: After how many of them to stop; after the context's share of them, when None.
        phase: Which training of its stage it is, if there are several. They are not gone on from by longer ones.
        loss: What to minimise; the task's own loss, when None.
        after_step: Called after each change of the weights, for what has to hold of them.

    Raises:
        TrialFailed: the weights, or the loss, are not finite numbers, or there are no batches.
    """
    how, trajectory = context.training.of(kind, gentle=gentle), context.trajectory
    until = context.extent(epochs).epochs if until is None else until
    loss = loss or task_loss(context, how)
    model.to(context.device).train()
    _check_weights(model)
    if isinstance(context.task, OwnFit):
        trajectory.seed(0, phase)
        if until:
            fit(context.task, model, context, how, kind=kind, epochs=until, loss=loss, after_step=after_step)
        trajectory.seed(until, phase)
        return model.eval().cpu()
    if how.channels_last:
        lay_out(model, torch.channels_last)
    if until and any(parameter.requires_grad for parameter in model.parameters()):
        with _own_stream(context.device):
            _Course(model, context, how, kind, epochs, until, phase, loss, after_step).run()
    trajectory.seed(until, phase)
    if how.channels_last:
        lay_out(model, torch.contiguous_format)
    return model.eval().cpu()


def task_loss(context: Context, how: Hyperparameters) -> StepLoss:
    """The task's own loss, the one that it names, or cross-entropy, as `train` takes it.

    Raises:
        TrialFailed: labels are to be smoothed, and the loss is another one than cross-entropy.
    """
    loss = labels_loss(context, how)
    return lambda batch, outputs: loss(outputs, batch.targets)


def labels_loss(context: Context, how: Hyperparameters) -> Callable[[Outputs, Any], Tensor]:
    """The same as a function of outputs and targets."""
    if not how.label_smoothing:
        return loss_of(context.task)
    named, reading = loss_name(context.task), reading_of(context.task)
    if isinstance(context.task, OwnLoss) and named != DEFAULT.name:
        other = f"names the loss {named}; set it to 0" if named else "has one of its own; smooth there, or set it to 0"
        raise TrialFailed(
            f"training.label_smoothing: {how.label_smoothing:g} is for {DEFAULT.name}, and the task {other}"
        )
    return lambda outputs, targets: functional.cross_entropy(
        reading.classes_second(scored(outputs)),
        labels(targets),
        ignore_index=reading.ignored,
        label_smoothing=how.label_smoothing,
    )


class _Course:
    """One training, from the state that it goes on from to the epoch after which it stops."""

    def __init__(
        self,
        model: nn.Module,
        context: Context,
        how: Hyperparameters,
        kind: Kind,
        epochs: int,
        until: int,
        phase: int | None,
        loss: StepLoss,
        after_step: Callable[[], None],
    ) -> None:
        self._model, self._context, self._how, self._kind = model, context, how, kind
        self._epochs, self._until, self._phase = epochs, until, phase
        self._rate = RATES[how.schedule]
        self._feed: Feed = feed_of(context)
        self._group = context.group
        self._step = TrainingStep(model, how, loss, after_step, self._group)
        self._average = WeightAverage(model, how.ema) if how.ema else None
        self._stopping = EarlyStopping(how.patience)
        self._runner = runner_for(self._step, self._feed, graph=context.training.cuda_graph, on_note=context.note)

    def run(self) -> None:
        """Train, and leave in the network what comes out."""
        trajectory, context = self._context.trajectory, self._context
        shared = self._rate.common(self._epochs) if self._phase is None else 0
        course = TrainingPhase(self._epochs, shared, self._phase)
        done = 0
        if found := trajectory.latest(course, self._until):
            done, state = found
            self._restore(state)
        self._group.begin(self._model)
        while done < self._until and not self._stopping.stopped:
            trajectory.seed(done, self._phase)
            self._group.seed_device(context.device)
            self._pass(done)
            self._group.share(self._model)
            done += 1
            self._look(done)
            last = context.fidelity < 1 and (done == self._until or self._stopping.stopped)
            trajectory.passed(course, done, self._state, last=last)
        if self._stopping.stopped:
            epochs = counted(self._epochs, "epoch")
            context.note(f"trained for {done} of {epochs}, as the calibration loss fell no more")
        if self._average:
            self._average.apply()
        self._stopping.apply(self._model)
        self._step.forget_gradients()

    def _pass(self, epoch: int) -> None:
        """Train for one epoch."""
        step, how, steps = self._step, self._how, math.ceil(self._feed.steps / self._how.accumulate)
        step.begin()
        for last, number, item in _grouped(self._feed.epoch(), how.accumulate):
            if number % how.accumulate == 0:
                index = epoch * steps + min(number // how.accumulate, steps - 1)
                share = rate_share(self._rate, index, steps, self._epochs, how.warmup_epochs)
                step.set_rate(how.learning_rate * share)
            part, whole = self._group.part(item)
            step.set_share(whole)
            with self._group.own_draws():
                self._runner.run(part, last=last)
            if last and self._average:
                self._average.update()
            self._context.lease.give_way(lambda: _settle(self._context.device))
        self._group.sum_(step.total)
        if not torch.isfinite(step.total):
            told = f"{step.total.item():g} in epoch {epoch + 1} of {self._epochs}"
            raise TrialFailed(_why_not_finite(self._context, self._how, self._kind, told))

    def _look(self, done: int) -> None:
        """Find out whether to stop, if that is wanted."""
        if self._how.patience is None:
            return
        loss = labels_loss(self._context, self._how)
        with self._average.applied() if self._average else nullcontext():
            found = calibration_loss(self._model, loss, self._context)
            self._stopping.look(self._model, self._group.agree(found))

    def _state(self) -> State:
        average = {"average": self._average.state()} if self._average else {}
        stopping = {"stopping": self._stopping.state()} if self._how.patience else {}
        return {"tensors": tensors_of(self._model), **self._step.state(), **average, **stopping}

    def _restore(self, state: State) -> None:
        for name, tensor in tensors_of(self._model).items():
            tensor.copy_(state["tensors"][name])
        self._step.restore(state)
        if self._average:
            self._average.restore(state["average"])
        if self._how.patience:
            self._stopping.restore(state["stopping"])


def _grouped(items: Iterator[Any], size: int) -> Iterator[tuple[bool, int, Any]]:
    """Each of `items` with its number, and whether a group of `size` ends with it; the last group may be smaller."""
    if size == 1:
        yield from ((True, number, item) for number, item in enumerate(items))
        return
    ahead = chain(items, [None])
    for number, (item, following) in enumerate(pairwise(ahead)):
        yield (number + 1) % size == 0 or following is None, number, item


@contextmanager
def _own_stream(device: torch.device) -> Iterator[None]:
    """Work on a stream of its own, as the default one cannot be captured."""
    if device.type != "cuda":
        yield
        return
    outer, own = torch.cuda.current_stream(device), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    own.wait_stream(outer)
    with torch.cuda.stream(own):
        yield
    outer.wait_stream(own)
    torch.cuda.synchronize(device)


def lay_out(model: nn.Module, memory_format: torch.memory_format) -> None:
    """Lay the filters of two-dimensional convolutions out in memory so."""
    for tensor in chain(model.parameters(), model.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=memory_format)


def _check_weights(model: nn.Module) -> None:
    """See to it that training begins with numbers.

    Raises:
        TrialFailed: some weights are not.
    """
    for name, parameter in model.named_parameters():  # a buffer may be infinite: a mask
        if not torch.isfinite(parameter.detach()).all():
            advice = "look at what fills them, such as a checkpoint that the task loads"
            raise TrialFailed(f"before training, {name} of the network is not finite (NaN or infinite); {advice}")


def _why_not_finite(context: Context, how: Hyperparameters, kind: Kind, loss: str) -> str:
    """Return why the loss became `loss`: the batches' fault where they surely are it."""
    own = "" if how.learning_rate == context.training.learning_rate else f"{kind}."
    rate = f"lower training.{own}learning_rate (now {how.learning_rate:g})"
    for index, (inputs, targets) in enumerate(batches_of(context.task, "train")):
        batch = f"batch {index} of the train split"
        if not examples_in(targets):
            return f"{batch} is empty, so that its loss is no number; leave such batches out"
        for name, tensors in (("inputs", as_tuple(inputs)), ("targets", tree_leaves(targets))):
            if any(tensor.isnan().any() for tensor in tensors):
                return f"{batch} has {name} that are NaN; clean the data"
            if any(tensor.isinf().any() for tensor in tensors):
                return (
                    f"the loss became {loss}; {batch} has infinite {name}: clean the data or, if they are meant, {rate}"
                )
    return f"the loss became {loss}; {rate}"


def _settle(device: torch.device) -> None:
    """Wait until `device` has done what it was given: a GPU works on after the call that starts it has returned."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
