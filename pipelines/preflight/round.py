"""One round of a sweep in small: each network trained, exported and cut as trials will do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from torch import Tensor

from pipelines.preflight.batches import Sample
from pipelines.preflight.chains import Cut, cuts, students
from pipelines.preflight.findings import Findings
from pipelines.preflight.networks import Networks
from pipelines.preflight.progress import at
from pipelines.preflight.rehearsal import Fault, Rehearsal
from pipelines.preflight.techniques import answer_of, joined
from pipelines.pruners import PRUNERS
from pipelines.runtimes import to_feed
from pipelines.stages import Export, TrainTeacher, Work
from pipelines.stages.distil import OTHER_TEACHER
from pipelines.stages.prune import left_whole
from pipelines.stages.stage import note_in
from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.task import Split, Task, as_tuple, teacher_call
from spaces import SearchSpace

WORDS = {"teacher": "training it", "distil": "training it", "export": "exporting it", "prune": "pruning it"}
"""What is said of a stage that fails."""


def try_networks(
    task: Task,
    space: SearchSpace,
    networks: Networks,
    samples: Mapping[Split, Sample],
    stages: Rehearsal,
    findings: Findings,
) -> None:
    """Train the teacher and every student for a step, and export them; run the teacher's file on other shapes."""
    teacher: Sequence[Work] = ((TrainTeacher(), {}),)
    if message := _frozen(networks, stages):
        findings.add("task.use", message)
        return
    chains = [("task.use", "teacher()", teacher)]
    for name in networks.others:
        chains.append((f"space.{OTHER_TEACHER.name}", teacher_call(name), ((TrainTeacher(), {"name": name}),)))
    for choice in networks.students:
        chains += [(choice.place, choice.call, work) for work in students(space, choice)]
    exported = set()
    for where, call, work in chains:
        if call not in exported:
            work = (*work, (Export(), {}))
            exported.add(call)
        at(f"{call}: training and exporting it")
        found = stages.run(work)
        if isinstance(found, Fault) and not (found.stage == TrainTeacher.name and call.startswith("student(")):
            findings.add(where, f": {WORDS.get(found.stage, found.stage)}: {found.reason}", call)
    if isinstance(file := stages.run((*teacher, (Export(), {}))), Fault):
        return
    session = stages.session(file)
    for split in ("calibration", "validation"):
        for inputs, _ in samples[split].others:
            at(f"the exported file with batches({split!r})")
            try:
                session.run(to_feed(inputs))
            except Exception as error:  # runtimes' errors have no common base
                findings.add("task.use", _other_shapes(split, as_tuple(inputs), as_tuple(task.example_input()), error))
    _try_single(networks, samples["train"], findings)


def try_cuts(task: Task, space: SearchSpace, networks: Networks, stages: Rehearsal, findings: Findings) -> None:
    """Make each kind of cut that `space` asks for, of each network; rule out those that cannot be made."""
    models, sizes = networks.by_name, list(networks.students)
    for method, asked in groupby(cuts(space, sizes), key=lambda cut: cut.method):
        all_cuts = [cut for cut in asked if cut.who in models]
        failed, noted = list[tuple[Cut, str]](), list[tuple[str, str]]()
        for cut in all_cuts:
            at(f"{cut.who}: pruning it by {cut.method}")
            example, exclude = task.example_input(), stages.exclude.of("pruning")
            if reason := answer_of(partial(PRUNERS[cut.method].problem, models[cut.who], example, exclude)):
                failed.append((cut, reason))
                continue
            found = stages.run(cut.work)
            if not isinstance(found, Fault) and (reason := left_whole(found)):
                failed.append((cut, reason))
            elif not isinstance(found, Fault):
                noted += [(cut.who, note) for note in [note_in(found)] if note]
            elif found.stage == cut.work[-1][0].name:  # else the network cannot be had, which is told elsewhere
                failed.append((cut, found.reason))
        if noted:
            findings.warnings.append(f"space.pruning.method: {method}: {joined(noted)}")
        if failed and len(failed) == len(all_cuts):
            reasons = joined([(cut.who, reason) for cut, reason in failed])
            findings.add("space.pruning.method", f"{method}: {reasons}; take it out of the axis")
        else:
            findings.rules += [replace(rule, reason=reason) for cut, reason in failed for rule in cut.rules]


def _frozen(networks: Networks, stages: Rehearsal) -> str | None:
    """Return which network has nothing to train, and what to do; None if there is none."""
    for call, model in networks.by_name.items():
        key = "teacher_epochs" if model is networks.teacher else "student_epochs"
        if getattr(stages.training, key) and not any(parameter.requires_grad for parameter in model.parameters()):
            return (
                f"{call}: none of its parameters requires gradients, so that it cannot be trained; set "
                f"training.{key} to 0 if it comes with its weights"
            )
    return None


def _try_single(networks: Networks, train: Sample, findings: Findings) -> None:
    """Call the networks in training mode with a batch of one, if the train split has one."""
    if train.smallest is None or len(as_tuple(train.smallest[0])[0]) > 1:
        return
    for call, model in networks.by_name.items():
        at(f"{call}: training it with one example")
        try:
            model.train()(*as_tuple(train.smallest[0]))
        except FAULTS as error:
            findings.add(
                "task.use",
                f": 'train' has a batch of one example, on which it cannot be trained: {told(error)}; leave that batch "
                "out (drop_last=True)",
                call,
            )
        finally:
            model.eval()


def _other_shapes(split: str, inputs: Sequence[Tensor], example: Sequence[Tensor], error: Exception) -> str:
    own, others = (", ".join(str(tuple(x.shape[1:])) for x in tensors) for tensors in (inputs, example))
    return (
        f"batches({split!r}) has inputs of shape {own} beside the batch dimension, which the exported file does not "
        f"take: it was exported with example_input(), of {others}; bring all to one size "
        f"({' '.join(str(error).split())[:200]})"
    )
