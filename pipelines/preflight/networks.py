"""The networks of a task: its teacher, and the students that a space asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn

from pipelines.preflight.findings import Findings
from pipelines.preflight.progress import at
from pipelines.stages.distil import OTHER_TEACHER, own_keys, students_in, teachers_in
from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.served import wanted_outputs
from pipelines.tasks.student_choice import GROUP, StudentChoice
from pipelines.tasks.task import (
    TEACHER,
    Outputs,
    Task,
    as_tuple,
    make_student,
    make_teacher,
    other_teachers,
    own_problem,
    takes_width,
    teacher_call,
)
from pipelines.tasks.tensors import Tensors, parts, scored
from spaces import NONE, SearchSpace, Value, illegal

SAME = 1e-6
"""By how much two answers to one input may differ, as a share of the largest number in them."""


@dataclass(frozen=True)
class Networks:
    """The networks that could be made and called with the example input.

    Attributes:
        teacher: The teacher, or None.
        students: The students, those that give outputs of the teacher's shape.
        others: The further teachers that students may learn from, by name, those that give outputs of that shape.
    """

    teacher: nn.Module | None
    students: Mapping[StudentChoice, nn.Module]
    others: Mapping[str, nn.Module] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, nn.Module]:
        """The teacher first, and the students, by the call that makes them."""
        teacher = {teacher_call(TEACHER): self.teacher} if self.teacher else {}
        return {**teacher, **{choice.call: student for choice, student in self.students.items()}}

    @property
    def teachers(self) -> dict[str, nn.Module]:
        """All teachers by name, the first one first."""
        return {**({TEACHER: self.teacher} if self.teacher else {}), **self.others}


def make_networks(task: Task, space: SearchSpace, findings: Findings) -> Networks:
    """Make the teacher and the students of `space`; adds to `findings` where that fails."""
    teacher, given = _network(findings, "task.use", "teacher()", task, lambda: make_teacher(task))
    if isinstance(given, Tensors) and not wanted_outputs(task):
        findings.warnings.append(
            f"task.use: teacher() gives several outputs, {', '.join(given.names)}: all are exported, and the first of "
            f"them is scored; to choose, write outputs = [{given.names[0]!r}, …] in the task's class"
        )
    students = dict(_students(findings, space, task, given))
    return Networks(teacher, students, dict(_other_teachers(findings, space, task, given)))


def answer(model: nn.Module, inputs: tuple[Tensor, ...]) -> Outputs:
    """Return the outputs of `model`, in evaluation mode, for copies of `inputs`.

    Raises:
        _UnusableError: they are no tensors of finite numbers with the batch dimension first, or others each time.
    """
    model.eval()
    with torch.inference_mode():
        given, again = model(*as_tuple(inputs)), model(*as_tuple(inputs))
    if not isinstance(given, (Tensor, Tensors)):
        raise _UnusableError(f"gives a {type(given).__name__}, and no tensor in it")
    for first, second in zip(parts(given), parts(again), strict=True):
        if not first.dim() or len(first) != len(inputs[0]):
            shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
            raise _UnusableError(
                f"gives {tuple(first.shape)} for {shapes}: the batch dimension has to come first{_choice(given)}"
            )
        if not torch.isfinite(first).all():
            raise _UnusableError("gives outputs that are not finite")
        if not torch.allclose(first, second, rtol=0, atol=SAME * float(first.abs().max()) if first.numel() else 0):
            raise _UnusableError(
                "gives other outputs when asked twice: in evaluation mode nothing may be random, as dropout is that is "
                "always on (pass training=self.training)"
            )
    return given


def _choice(given: Outputs) -> str:
    """What to do if one of several outputs cannot be used."""
    if isinstance(given, Tensor):
        return ""
    return f'; or let outputs = ["{given.names[0]}"] in the task\'s class name those that are exported'


class _UnusableError(Exception):
    """A network's answer that nothing can be done with."""


def _students(
    findings: Findings, space: SearchSpace, task: Task, expected: Outputs | None
) -> Iterator[tuple[StudentChoice, nn.Module]]:
    for choice in _known_choices(findings, space, task):
        make = partial(make_student, task, choice.depth, choice.width, **dict(choice.own))
        student, given = _network(findings, choice.place, choice.call, task, make)
        if student is None or given is None:
            continue
        if expected is not None and _shape(given) != _shape(expected):
            findings.add(choice.place, f" gives {_shape(given)}, but teacher() gives {_shape(expected)}", choice.call)
        else:
            yield choice, student


def _known_choices(findings: Findings, space: SearchSpace, task: Task) -> list[StudentChoice]:
    """The students of `space`; none if the task's ``student`` cannot be told what makes them, which is noted."""
    # Without a legal width the depths can be tried nevertheless.
    if space.used("student.width") == (NONE,):
        space = with_value(space, "student.width", 1.0)
    if any(width != 1 for width in space.used("student.width")) and not takes_width(task):
        advice = "write: def student(self, depth, width=1.0), or leave student.width at 1"
        findings.add("space.student.width", f"{type(task).__name__}.student takes no width; {advice}")
        space = with_value(space, "student.width", 1.0)
    unknown = {name: problem for name in own_keys(space) if (problem := own_problem(task, name))}
    for name, problem in unknown.items():
        findings.add(f"space.{GROUP}{name}", problem)
    return [] if unknown else list(students_in(space))


def with_value(space: SearchSpace, name: str, value: Value) -> SearchSpace:
    """The space in which the parameter called `name` has that value only."""
    return replace(space, axes=tuple(replace(x, values=(value,)) if x.name == name else x for x in space.axes))


def _other_teachers(
    findings: Findings, space: SearchSpace, task: Task, expected: Outputs | None
) -> Iterator[tuple[str, nn.Module]]:
    where, names = f"space.{OTHER_TEACHER.name}", teachers_in(space)
    if not names:
        return
    try:
        known = other_teachers(task)
    except FAULTS as error:
        findings.add(where, f"teachers(): {told(error)}")
        return
    for name in names:
        call = teacher_call(name)
        if name not in known:
            legal = illegal(name, [TEACHER, *known])
            findings.add(where, f"{legal}; others are what a method teachers() of the task names")
            continue
        network, given = _network(findings, where, call, task, partial(make_teacher, task, name))
        if network is None or given is None:
            continue
        if expected is not None and _shape(given) != _shape(expected):
            findings.add(where, f" gives {_shape(given)}, but teacher() gives {_shape(expected)}", call)
        else:
            yield name, network


def _network(
    findings: Findings, where: str, call: str, task: Task, make: Callable[[], nn.Module]
) -> tuple[nn.Module, Outputs] | tuple[None, None]:
    """The network and what it gives for the example input; adds to `findings` if there is none."""
    at(f"{call} with example_input()")
    try:
        model = make()
        if not isinstance(model, nn.Module):
            findings.add(where, f" gives a {type(model).__name__}, not a torch.nn.Module", call)
            return None, None
        return model, answer(model, as_tuple(task.example_input()))
    except _UnusableError as error:
        findings.add(where, f" with example_input(): {error}", call)
    except FAULTS as error:  # a task may raise anything
        findings.add(where, f" with example_input(): {told(error)}", call)
    return None, None


def _shape(outputs: Outputs) -> tuple[int, ...]:
    return tuple(scored(outputs).shape)
