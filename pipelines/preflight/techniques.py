"""The techniques of a space, asked whether they can work on a task's networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import nn

from pipelines.distillers import FEATURES
from pipelines.distillers.teaching import distillation_problem
from pipelines.importances import IMPORTANCES
from pipelines.networks.inheritance import inherit
from pipelines.preflight.findings import Findings
from pipelines.preflight.networks import Networks, call_of
from pipelines.preflight.progress import at
from pipelines.quantizers import QUANTIZERS, Quantizer
from pipelines.quantizers.mitigations import PROBLEMS
from pipelines.quantizers.parameters import MITIGATION
from pipelines.stages.distil import FEATURE, nothing_inherited
from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.task import Task
from spaces import NONE, Rule, SearchSpace, Value, When

INIT = "student.init"

Asked = Mapping[str, tuple[str | None, tuple[When, ...]]]
"""By network: why a technique cannot work on it, if so, and the conditions of the recipes that have that network."""


def technique_problems(space: SearchSpace, networks: Networks, findings: Findings) -> None:
    """Ask the importances, quantizers and mitigations of `space` about the networks that it gives them."""
    questions: dict[str, dict[str, Callable[[nn.Module], str | None]]] = {
        "pruning.importance": {name: one.problem for name, one in IMPORTANCES.items()},
        MITIGATION.name: dict(PROBLEMS),
        "quantization.scheme": {name: partial(_quantizer_problem, one) for name, one in QUANTIZERS.items()},
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
    if (teacher := networks.teacher) is None:
        return space
    for (depth, width), student in networks.students.items():
        for name in (str(value) for value in space.used(FEATURE) if value != NONE):
            at(f"{call_of(depth, width)}: comparing it with its teacher by {name}")
            if message := answer_of(partial(distillation_problem, FEATURES[name], student, teacher, task, depth)):
                who = call_of(depth, width)
                findings.add(f"space.{FEATURE}", f"{name} for {who}: {message}; take it out of the axis")
                wrong.setdefault(FEATURE, set()).add(name)
    for (depth, width), student in networks.students.items():
        # Narrower ones never begin with the teacher's layers. This changes the student, so it comes last.
        if width == 1 and "teacher" in space.used(INIT) and not inherit(student, teacher):
            findings.add(f"space.{INIT}", f"{call_of(depth, width)}: {nothing_inherited(student, teacher)}")
            wrong.setdefault(INIT, set()).add("teacher")
    for axis, values in wrong.items():
        space = space.without(axis, values)
    return space


def _quantizer_problem(quantizer: Quantizer, model: nn.Module) -> str | None:
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
        (call_of(*size), student, tuple(When(name, (value,)) for name, value in _axes_of(*size).items()))
        for size, student in networks.students.items()
    ]
    if networks.teacher and (NONE in space.used("student.depth") or not found):
        found.insert(0, ("teacher()", networks.teacher, (When("student.depth", (NONE,)),)))
    return found


def _axes_of(depth: int, width: float) -> dict[str, int | float]:
    return {"student.depth": depth, "student.width": width}
