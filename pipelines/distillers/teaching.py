"""One student, one teacher, and what is learned: the labels, the teacher's outputs, its features."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.distillers import FEATURES, RESPONSE, ActivationRecorder, Distiller, Point, Signals
from pipelines.errors import TrialFailed
from pipelines.tasks.declared import reading_of
from pipelines.tasks.hooks import OwnFeaturePoints, OwnFit, OwnTensors
from pipelines.tasks.task import Outputs, Task, as_tuple
from pipelines.tasks.tensors import scored
from pipelines.training.context import Context
from pipelines.training.feed import ResidentFeed, TrainBatch, feed_of
from pipelines.training.loop import labels_loss, lay_out, train
from pipelines.training.settings import Kind
from spaces import NONE, Params, illegal

Pairs = tuple[tuple[Point, Point], ...]
"""Where to listen: a point of the teacher and one of the student."""

NOTHING: Params = {}

LARGEST = 2e9
"""Bytes that a teacher's outputs for all examples may take."""


def taught(params: Params) -> tuple[Distiller, ...]:
    """Return what a student learns from the teacher besides the labels, given the step's parameters by key."""
    feature = str(params.get("feature", NONE))
    response = (RESPONSE,) if params.get("alpha", 0) else ()
    return response if feature == NONE else (*response, FEATURES[feature])


def teach(
    student: nn.Module,
    teacher: nn.Module | None,
    context: Context,
    params: Params,
    *,
    epochs: int,
    kind: Kind = "student",
    gentle: bool = False,
    **how: Any,
) -> nn.Module:
    """Train `student` in place; returns it in evaluation mode, on the CPU. Nothing else is changed.

    The teacher is asked for each batch; once for all of them if nothing but its outputs is learned and the task's data
    are fixed tensors.

    The loss is ``(1 - alpha) · the task's own + alpha · response + beta · features``, with what each distiller calls
    its loss.

    Args:
        student: What to train.
        teacher: The trained network to learn from; may be None if nothing is learned from it (see `taught`).
        context: The task and how to train.
        params: The step's parameters by key.
        epochs: Passes over the training split.
        kind: Whose hyperparameters are taken.
        gentle: The student began with weights that were trained elsewhere.
        how: What else `train` is told.

    Raises:
        TrialFailed: the two networks cannot be compared so, or training fails.
    """
    distillers = taught(params)
    if teacher is None or not distillers:
        train(student, context, epochs=epochs, kind=kind, gentle=gentle, **how)
        return student
    hyperparameters = context.training.of(kind, gentle=gentle)
    task_loss, alpha = labels_loss(context, hyperparameters), float(params["alpha"])
    with ExitStack() as stack:
        taps = [
            FeatureTap(distiller, student, teacher, context.task, int(params.get("depth", 1)), stack, params)
            for distiller in distillers
        ]
        trained = _StudentWithHeads(student, [tap.loss(params) for tap in taps])
        stack.callback(teacher.to, "cpu")  # where a later cut's training expects it
        teacher.to(context.device).eval()
        if hyperparameters.channels_last:
            lay_out(teacher, torch.channels_last)
        known = known_outputs(teacher, context) if distillers == (RESPONSE,) and epochs else None

        def loss(batch: TrainBatch, outputs: Outputs) -> Tensor:
            with torch.no_grad():
                if known is not None and batch.rows is not None:
                    shown = known.index_select(0, batch.rows)
                else:
                    shown = teacher(*as_tuple(batch.inputs))
            total = (1 - alpha) * task_loss(outputs, batch.targets)
            for tap, loss in zip(taps, trained.losses, strict=True):
                own, others = tap.signals(outputs, shown)
                total = total + float(params[tap.distiller.weight]) * loss(own, others)
            return total

        train(trained, context, epochs=epochs, kind=kind, gentle=gentle, loss=loss, **how)
    return student


def known_outputs(teacher: nn.Module, context: Context) -> Tensor | None:
    """The outputs of `teacher`, which is on the device, for all training examples, in their order.

    None if examples change from time to time, are not there at once, or are too many for their outputs to be kept.
    """
    if isinstance(context.task, OwnFit) or not isinstance(context.task, OwnTensors):
        return None
    feed = feed_of(context)
    if not isinstance(feed, ResidentFeed) or not feed.is_fixed or not feed.resident:
        return None
    shown = list[Tensor]()
    with torch.no_grad():
        for batch in feed.all():
            context.lease.give_way()
            shown.append(scored(teacher(*as_tuple(batch.inputs))))
            if sum(part.nbytes for part in shown) > LARGEST:
                return None
    return torch.cat(shown)


def distillation_problem(
    distiller: Distiller, student: nn.Module, teacher: nn.Module, task: Task, depth: int, told: Params = NOTHING
) -> str | None:
    """Return why a student of `depth` cannot learn from `teacher` by `distiller`, or None if it can; trains nothing.

    For `told` see `task_points`.
    """
    try:
        with ExitStack() as stack:
            return FeatureTap(distiller, student, teacher, task, depth, stack, told).problem()
    except TrialFailed as error:
        return error.reason


class FeatureTap:
    """One distiller, listening to both networks until `stack` is closed.

    Raises:
        TrialFailed: there is no point to listen at.
    """

    def __init__(
        self,
        distiller: Distiller,
        student: nn.Module,
        teacher: nn.Module,
        task: Task,
        depth: int,
        stack: ExitStack,
        told: Params = NOTHING,
    ) -> None:
        self.distiller = distiller
        self._example, self._reading = as_tuple(task.example_input()), reading_of(task)
        self._student, self._teacher = student, teacher
        pairs = feature_pairs(distiller, student, teacher, task, depth, told)
        self._own = stack.enter_context(ActivationRecorder(student, [own for _, own in pairs]))
        self._others = stack.enter_context(ActivationRecorder(teacher, [other for other, _ in pairs]))

    def signals(self, outputs: Outputs, shown: Outputs) -> tuple[Signals, Signals]:
        """Return the student's and the teacher's signals of their last calls, which gave `outputs` and `shown`."""
        own, others = scored(outputs), scored(shown)
        return Signals(own, self._own.features, self._reading), Signals(others, self._others.features, self._reading)

    def problem(self) -> str | None:
        """See `Distiller.problem`."""
        return self.distiller.problem(*self._of_example())

    def loss(self, params: Params) -> nn.Module:
        """See `Distiller.loss`.

        Raises:
            TrialFailed: the distiller has a problem with these networks.
        """
        signals = self._of_example()
        if problem := self.distiller.problem(*signals):
            raise TrialFailed(f"{self.distiller.name} distillation does not work here: {problem}")
        return self.distiller.loss(*signals, params)

    def _of_example(self) -> tuple[Signals, Signals]:
        with torch.no_grad():
            return self.signals(self._student.eval()(*self._example), self._teacher.eval()(*self._example))


def feature_pairs(
    distiller: Distiller, student: nn.Module, teacher: nn.Module, task: Task, depth: int, told: Params = NOTHING
) -> Pairs:
    """Return the points that `distiller` records, if it compares features: those of the task for `depth`, else its own.

    For `told` see `task_points`.

    Raises:
        TrialFailed: the task names a module that is not there, or no point is found.
    """
    listening = FEATURES.get(distiller.name)
    if listening is None:  # the outputs are all that it compares
        return ()
    named, example = task_points(task, depth, told), task.example_input()
    if named is None:
        return ((listening.point(teacher, example), listening.point(student, example)),)
    return _points(named, teacher, student)


def task_points(task: Task, depth: int, told: Params = NOTHING) -> list[tuple[str, str]] | None:
    """The pairs of the teacher's and the student's modules that the task names for `depth`; None if it names none.

    Args:
        task: The task.
        depth: The student's depth.
        told: The step's parameters by key: its method is told those that it has arguments for.

    Raises:
        TrialFailed: what it gives are no pairs of names.
    """
    if not isinstance(task, OwnFeaturePoints):
        return None
    _, *others = inspect.signature(task.feature_points).parameters
    named = {key: value for key, value in told.items() if key in others}
    given: object = task.feature_points(depth, **named)  # type: ignore[call-arg]
    form = f"feature_points({depth}) must give pairs (teacher's module, student's module) of names, not {given!r}"
    if not isinstance(given, Iterable):
        raise TrialFailed(form)
    pairs = [tuple(pair) if isinstance(pair, (tuple, list)) else () for pair in given]
    if not pairs or any(len(pair) != 2 or not all(isinstance(name, str) for name in pair) for pair in pairs):
        raise TrialFailed(form)
    return pairs


def _points(named: Sequence[tuple[str, str]], teacher: nn.Module, student: nn.Module) -> Pairs:
    for whose, index, model in (("teacher", 0, teacher), ("student", 1, student)):
        modules = [name for name, _ in model.named_modules() if name]
        for pair in named:
            if pair[index] not in modules:
                raise TrialFailed(f"feature_points names a module of the {whose}: {illegal(pair[index], modules)}")
    return tuple((Point(of_teacher), Point(of_student)) for of_teacher, of_student in named)


class _StudentWithHeads(nn.Module):
    """The student together with what is learned beside it and thrown away: one optimizer trains both."""

    def __init__(self, student: nn.Module, losses: Iterable[nn.Module]) -> None:
        super().__init__()
        self.student, self.losses = student, nn.ModuleList(losses)

    def forward(self, *inputs: Tensor, **named: Tensor) -> Any:
        return self.student(*inputs, **named)
