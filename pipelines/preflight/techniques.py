"""The techniques of a space, asked whether they can work on a task's networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product

import torch
from torch import nn

from pipelines.distillers import FEATURES
from pipelines.distillers.teaching import distillation_problem
from pipelines.importances import IMPORTANCES
from pipelines.networks.exclusion import Exclusion, names_of
from pipelines.networks.inheritance import inherit
from pipelines.preflight.findings import Findings
from pipelines.preflight.networks import Networks, with_value
from pipelines.preflight.progress import at
from pipelines.quantizers import QUANTIZERS, Quantizer
from pipelines.quantizers.mitigations import PROBLEMS
from pipelines.quantizers.parameters import MITIGATION
from pipelines.quantizers.quantizer import WHOLE_NETWORK, leaves_layers
from pipelines.stages.distil import FEATURE, OTHER_TEACHER, nothing_inherited, teachers_in
from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.task import TEACHER, Task, teacher_call
from pipelines.training.exclude import Exclude
from spaces import NONE, Rule, SearchSpace, Value, When, near_miss

INIT = "student.init"

Asked = Mapping[str, tuple[str | None, tuple[When, ...]]]
"""By network: why a technique cannot work on it, if so, and the conditions of the recipes that have that network."""


def exclude_problems(exclude: Exclude, networks: Networks, findings: Findings) -> None:
    """Note the names of `exclude` that are those of no layer of any network."""
    models = [*networks.by_name.values()]
    for step, patterns in ("pruning", exclude.pruning), ("quantization", exclude.quantization):
        for pattern in Exclusion(patterns).unmatched(models):
            near = near_miss(pattern, names_of(models[0]))
            children = ", ".join(name for name, _ in models[0].named_children())
            advice = f"do you mean {near!r}?" if near else f"the teacher's parts are {children or 'none'}"
            findings.add(f"exclude.{step}", f"{pattern!r} names no layer of {', '.join(networks.by_name)}; {advice}")


def technique_problems(space: SearchSpace, networks: Networks, exclude: Exclude, findings: Findings) -> None:
    """Ask the importances, quantizers and mitigations of `space` about the networks that it gives them."""
    questions: dict[str, dict[str, Callable[[nn.Module], str | None]]] = {
        "pruning.importance": {name: one.problem for name, one in IMPORTANCES.items()},
        MITIGATION.name: dict(PROBLEMS),
        "quantization.scheme": {
            name: partial(_quantizer_problem, one, exclude.of("quantization")) for name, one in QUANTIZERS.items()
        },
    }
    for axis, asked in questions.items():
        for name in (str(value) for value in space.used(axis) if value in asked):
            at(f"asking {name} about the networks")
            given = {
                call: (answer_of(partial(asked[name], model)), when)
                for call, model, when in _networks_of(space, networks)
            }
            judge(axis, name, given, findings)


def judge(axis: str, name: str, asked: Asked, findings: Findings) -> None:
    """Note that the technique `name` works on none of the networks, or rule out those on which it does not."""
    failed = {call: (message, when) for call, (message, when) in asked.items() if message}
    if failed and len(failed) == len(asked):
        reasons = joined([(call, str(message)) for call, (message, _) in failed.items()])
        findings.add(f"space.{axis}", f"{name}: {reasons}; take it out of the axis")
        return
    for message, when in failed.values():
        findings.rules.append(Rule(str(message), (When(axis, (name,)), *when)))


def joined(reasons: Sequence[tuple[str, str]]) -> str:
    """The reasons of networks in one sentence, given with their calls; the one reason if there is one for all."""
    by_reason: dict[str, list[str]] = {}
    for call, reason in reasons:
        by_reason.setdefault(reason, []).append(call)
    if len(by_reason) == 1:
        return next(iter(by_reason))
    return "; ".join(f"{', '.join(dict.fromkeys(calls))}: {reason}" for reason, calls in by_reason.items())


def teaching_problems(task: Task, space: SearchSpace, networks: Networks, findings: Findings) -> SearchSpace:
    """Note what students of `space` cannot learn from the teacher, and weights that they cannot inherit.

    Returns:
        The space without that.
    """
    wrong: dict[str, set[Value]] = {}
    if networks.teacher is None:
        return space
    for (choice, student), (called, teacher) in product(networks.students.items(), networks.teachers.items()):
        who = choice.call if called == TEACHER else f"{choice.call} and {teacher_call(called)}"
        told = {**choice.told, **({"teacher": called} if called != TEACHER else {})}
        for name in (str(value) for value in space.used(FEATURE) if value != NONE):
            at(f"{who}: comparing it with its teacher by {name}")
            asked = partial(distillation_problem, FEATURES[name], student, teacher, task, choice.depth, told)
            if message := answer_of(asked):
                findings.add(f"space.{FEATURE}", f"{name} for {who}: {message}; take it out of the axis")
                wrong.setdefault(FEATURE, set()).add(name)
    for (choice, student), (called, teacher) in product(networks.students.items(), networks.teachers.items()):
        # Narrower ones never begin with the teacher's layers. This changes the student, so it comes last.
        if choice.width == 1 and "teacher" in space.used(INIT) and not inherit(student, teacher):
            who = choice.call if called == TEACHER else f"{choice.call} and {teacher_call(called)}"
            findings.add(f"space.{INIT}", f"{who}: {nothing_inherited(student, teacher)}")
            wrong.setdefault(INIT, set()).add("teacher")
    if gone := {*teachers_in(space)} - {*networks.others}:
        axis = space.axis(OTHER_TEACHER.name)
        left = [value for value in axis.values if value not in gone]
        space = space.without(axis.name, gone) if left else with_value(space, axis.name, TEACHER)
    for name, values in wrong.items():
        space = space.without(name, values)
    return space


def _quantizer_problem(quantizer: Quantizer, exclude: Exclusion, model: nn.Module) -> str | None:
    if exclude.patterns and not leaves_layers(quantizer):
        return WHOLE_NETWORK
    if any(parameter.dtype == torch.float64 for parameter in model.parameters()):
        return "the network computes in double precision, of which nothing is quantized; make it single: model.float()"
    return quantizer.problem(model)


def answer_of(ask: Callable[[], str | None]) -> str | None:
    """Return the answer of `ask`; of an error, its words."""
    try:
        return ask()
    except FAULTS as error:  # a person's network may do anything when it is called
        return told(error)


def _networks_of(space: SearchSpace, networks: Networks) -> list[tuple[str, nn.Module, tuple[When, ...]]]:
    """The networks that recipes of `space` end with, with the call and the conditions of those recipes."""
    found = [
        (choice.call, student, tuple(When(name, (value,)) for name, value in choice.axes.items()))
        for choice, student in networks.students.items()
    ]
    if networks.teacher and (NONE in space.used("student.depth") or not found):
        found.insert(0, ("teacher()", networks.teacher, (When("student.depth", (NONE,)),)))
    return found
