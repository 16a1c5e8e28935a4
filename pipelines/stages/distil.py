"""Distillation: a smaller student learns from the teacher."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
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
from pipelines.tasks.student_choice import GROUP, StudentChoice, all_choices
from pipelines.tasks.task import TEACHER, make_student
from pipelines.training.context import Context
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.settings import Training
from spaces import (
    NONE,
    AnyValue,
    Interval,
    Options,
    Parameter,
    Params,
    Rule,
    SearchSpace,
    StepSpec,
    When,
    near_miss,
)

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
    words += [f"{name}={value}" for name, value in student_choice(params).own]
    words += [f"teacher={params['teacher']}"] if params.get("teacher", TEACHER) != TEACHER else []
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


OTHER_TEACHER = Parameter(
    "distillation.teacher",
    AnyValue(),
    default=TEACHER,
    help="whom it learns from: teacher, or one that the task's teachers() names",
)

_OTHER = When(OTHER_TEACHER.name, (TEACHER,), negated=True)

TEACHER_RULES = (
    Rule("it is the teacher that everything is compared with that is pruned", (_OTHER,), sequence=("prune", "distil")),
    Rule(
        "the student takes nothing from its teacher",
        when=(_OTHER, When("distillation.alpha", (0,)), When(FEATURE, (NONE,)), When("student.init", ("random",))),
    ),
)

NEAR = 0.8
"""How alike the names of two parameters are, from 0 to 1, of which one may be a slip of the other."""


def distil_of(section: object) -> StepSpec:
    """The step with what the ``space`` section of a sweep's file names besides: what only a task knows of.

    That are the arguments of its ``student``, and the choice among its teachers.
    """
    groups = {name: section.get(name) if isinstance(section, Mapping) else None for name in ("student", "distillation")}
    student, distillation = (list(given) if isinstance(given, Mapping) else [] for given in groups.values())
    names = [f"{GROUP}{key}" for key in student if isinstance(key, str)]
    return distil_with([*names, *(f"distillation.{key}" for key in distillation)])


def distil_with(names: Collection[str]) -> StepSpec:
    """The step with those of the parameters `names`, by full name, that only a task knows of."""
    keys = [parameter.key for parameter in (*DISTIL.parameters, OTHER_TEACHER)]
    given = (name for name in names if name.startswith(GROUP) and name.removeprefix(GROUP).isidentifier())
    fresh = [name for name in sorted(given) if near_miss(name.removeprefix(GROUP), keys, NEAR) is None]
    own = tuple(Parameter(name, AnyValue(), help="an argument of the task's student") for name in fresh)
    chooses = OTHER_TEACHER.name in names
    return replace(
        DISTIL,
        parameters=(*DISTIL.parameters, *own, *([OTHER_TEACHER] if chooses else [])),
        rules=(*DISTIL.rules, *(TEACHER_RULES if chooses else ())),
    )


def student_choice(params: Params) -> StudentChoice:
    """The student that `params` of the step, by key, ask for."""
    others = {parameter.key for parameter in (*DISTIL.parameters, OTHER_TEACHER)} - {"depth", "width"}
    return StudentChoice.of({key: value for key, value in params.items() if key not in others})


def students_in(space: SearchSpace) -> Iterator[StudentChoice]:
    """The students that recipes of `space` may have."""
    return all_choices({key: space.used(f"{GROUP}{key}") for key in ("depth", "width", *own_keys(space))})


def own_keys(space: SearchSpace) -> list[str]:
    """The arguments of a task's ``student``, besides depth and width, for which `space` has values."""
    known = {parameter.name for parameter in DISTIL.parameters}
    names = [axis.name for axis in space.axes if axis.name.startswith(GROUP) and axis.name not in known]
    return [name.removeprefix(GROUP) for name in names]


def teachers_in(space: SearchSpace) -> list[str]:
    """The names of the further teachers that recipes of `space` may have."""
    return [str(name) for name in space.used(OTHER_TEACHER.name) if name != TEACHER]


def distillation(params: Params) -> Params:
    """The parameters of the step that the stage reads: who teaches is said only of another teacher."""
    return {key: value for key, value in params.items() if (key, value) != ("teacher", TEACHER)}


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
        student = student_choice(params)
        settings = {**context.training.of("student").settings(), "weights": context.weights(student)}
        if params.get("feature", NONE) != NONE:
            settings["points"] = task_points(context.task, student.depth, params)
        return settings

    def extent(self, params: Params, context: Context) -> EpochBudget:
        """See `Trains.extent`."""
        return context.extent(self.epochs(context.training))

    def epochs(self, training: Training) -> int:
        """See `Trains.epochs`."""
        return training.epochs("student")

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        chosen = student_choice(params)
        inherits = params.get("init") == "teacher"
        before = None if stands_alone(params) else Checkpoint.load(parent, context.task)
        teacher = before.model if before else None
        student = make_student(context.task, chosen.depth, chosen.width, **dict(chosen.own))
        if teacher is not None and inherits and not inherit(student, teacher):
            raise TrialFailed(nothing_inherited(student, teacher))
        gentle = context.is_pretrained(chosen)
        if inherits and before is not None:
            gentle = gentle or bool(before.structure[0].get("gentle"))
        teach(student, teacher, context, params, epochs=self.epochs(context.training), gentle=gentle)
        extent = self.extent(params, context)
        if extent.epochs == 0 and not extent.is_whole:
            tell_apart(student)
        made = {"network": "student", "depth": chosen.depth, "width": chosen.width}
        made |= {"own": dict(chosen.own)} if chosen.own else {}
        Checkpoint(student, [{**made, **({"gentle": True} if gentle else {})}]).save(out)


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
