"""Distillation: a smaller student learns from the teacher."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipelines.distillers import FEATURES, RESPONSE
from pipelines.distillers.teaching import task_points, taught, teach
from pipelines.errors import TrialFailed
from pipelines.networks.inheritance import inherit
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.stages.stage import Form
from pipelines.stages.technique import gains_of, rules_of, switched
from pipelines.tasks.task import make_student
from pipelines.training.context import Context
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.settings import Training
from spaces import NONE, Interval, Options, Parameter, Params, Rule, StepSpec, When

DEPTHS = Interval(1, 1_000, integer=True)
"""The depths that a student may have; a task may have fewer."""


class Depth(Interval):
    """A student's depth, or ``none`` for the teacher itself."""

    def problem(self, value: object) -> str | None:
        """Return why `value` is not in the domain, or None if it is."""
        return None if value == NONE else super().problem(value)

    def __str__(self) -> str:
        return f"{super().__str__()}, or none for the teacher itself"


FEATURE = "distillation.feature"

UNTRAINED = 1e-3
"""By how much numbers of an untrained network are moved, see `tell_apart`."""

_INHERITS = When("student.init", ("teacher",))

RULES = (
    Rule(
        "a narrower student has no layer of the teacher's shape that it could begin with",
        when=(_INHERITS, When("student.width", (1,), negated=True)),
    ),
    Rule(
        "the student cannot keep what pruning made: shapes differ, or its training fills the zeros up again",
        when=(_INHERITS,),
        sequence=("prune", "distil"),
    ),
    Rule(
        "the pruned teacher is thrown away: the student neither listens to it nor begins with its layers",
        when=(
            When("distillation.alpha", (0,)),
            When(FEATURE, (NONE,)),
            When("student.init", ("random",)),
        ),
        sequence=("prune", "distil"),
    ),
)


def _label(params: Params) -> str:
    """Such as ``d2``, ``d2w0.5(α0.9,T4)`` or ``d2(α0.5,T4)·hint·copied``."""
    width, feature, beta = params.get("width", 1), params.get("feature", NONE), params.get("beta", 1)
    words = [f"d{params['depth']}" + (f"w{width:g}" if width != 1 else "")]
    if params["alpha"]:
        words[0] += f"(α{params['alpha']:g},T{params['temperature']:g})"
    if feature != NONE:
        words.append(f"{feature}" + (f"(β{beta:g})" if beta != 1 else ""))
    return "·".join(words + ["copied"] * (params.get("init") == "teacher"))


DISTIL = StepSpec(
    "distil",
    (
        Parameter(
            "student.depth",
            Depth(DEPTHS.low, DEPTHS.high, integer=True),
            help="depth of the student; none keeps the teacher",
        ),
        Parameter(
            "student.width", Interval(0, 1, open_low=True), default=1.0, help="share of the full width that it has"
        ),
        Parameter(
            "student.init",
            Options(("random", "teacher")),
            default="random",
            help="whether it begins at random or with layers of the teacher",
        ),
        *RESPONSE.parameters,
        *switched(FEATURE, FEATURES, default=NONE, help="what it learns of the teacher's inner features"),
    ),
    label=_label,
    rules=(*RULES, *rules_of(FEATURE, FEATURES)),
    gains=gains_of(FEATURE, FEATURES),
)


def stands_alone(params: Params) -> bool:
    """Return True if a student takes nothing from the network of the stage before: it learns from the labels alone."""
    return not taught(params) and params.get("init") != "teacher"


class Distil:
    """Train a student on the labels and on what the network of the stage before shows it."""

    name = "distil"
    form: Form = "network"
    version = 4
    libraries: tuple[str, ...] = ("torch",)

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        depth, width = int(params.get("depth", 1)), float(params.get("width", 1))
        settings = {**context.training.of("student").settings(), "weights": context.student_weights(depth, width)}
        if params.get("feature", NONE) != NONE:
            settings["points"] = task_points(context.task, depth)
        return settings

    def extent(self, params: Params, context: Context) -> EpochBudget:
        """See `Trains.extent`."""
        return context.extent(self.epochs(context.training))

    def epochs(self, training: Training) -> int:
        """See `Trains.epochs`."""
        return training.epochs("student")

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        depth, width = int(params["depth"]), float(params.get("width", 1))
        inherits = params.get("init") == "teacher"
        before = None if stands_alone(params) else Checkpoint.load(parent, context.task)
        teacher = before.model if before else None
        student = make_student(context.task, depth, width)
        if teacher is not None and inherits and not inherit(student, teacher):
            raise TrialFailed(nothing_inherited(student, teacher))
        gentle = context.is_pretrained(depth, width)
        if inherits and before is not None:
            gentle = gentle or bool(before.structure[0].get("gentle"))
        teach(student, teacher, context, params, epochs=self.epochs(context.training), gentle=gentle)
        extent = self.extent(params, context)
        if extent.epochs == 0 and not extent.is_whole:
            tell_apart(student)
        made = {"network": "student", "depth": depth, "width": width, **({"gentle": True} if gentle else {})}
        Checkpoint(student, [made]).save(out)


def tell_apart(model: nn.Module) -> None:
    """Move every number of an untrained network that training changes a little, as its first step would.

    The zeros and ones that layers begin with are the same in many of them, and the exporter keeps equal tensors once:
    the file would have another structure, and another size, than that of the trained network.
    """
    with torch.no_grad():
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
        statistics = [tensor for norm in norms for tensor in (norm.running_mean, norm.running_var)]
        for tensor in (*trained, *(tensor for tensor in statistics if tensor is not None)):
            tensor.add_(UNTRAINED * torch.rand_like(tensor))


def nothing_inherited(student: nn.Module, teacher: nn.Module) -> str:
    """Return the note for a `student` in which no layer of `teacher` has a counterpart."""
    names = [", ".join(name for name, _ in model.named_children()) for model in (student, teacher)]
    return (
        "no layer of the teacher has the name and shape of one of the student's, so that the student cannot begin "
        f"with it; the student has {names[0]}, the teacher {names[1]}; use student.init: random"
    )
