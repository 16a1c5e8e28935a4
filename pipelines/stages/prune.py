"""Pruning: weights are removed, in one cut or gradually, and what is left is trained a little more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from pipelines.distillers.teaching import teach
from pipelines.errors import UnchangedError
from pipelines.pruners import PRUNERS, Pruner, PruningRequest
from pipelines.pruners.allocation import ratios_for
from pipelines.pruners.checkpoint import Checkpoint, pruned_weights
from pipelines.pruners.options import RATIO
from pipelines.pruners.schedule import SCHEDULES, epochs_of, shares
from pipelines.stages.cut_patience import CutPatience
from pipelines.stages.listening import BEFORE, asks_teacher, listening_label, listening_parameters, teacher_for
from pipelines.stages.pruning_request import pruning_request
from pipelines.stages.stage import Form
from pipelines.stages.technique import gains_of, rules_of, switched
from pipelines.training.accuracy import network_accuracy
from pipelines.training.batchnorm import reestimate_statistics
from pipelines.training.context import Context
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.masks import keep_zeros
from pipelines.training.settings import Training
from spaces import NONE, Interval, Options, Parameter, Params, Requirement, Rule, StepSpec, When

GRADUAL = tuple(name for name, pruner in PRUNERS.items() if RATIO in pruner.parameters)
"""The methods that can be asked for several cuts."""

STEPS = Parameter(
    "pruning.steps",
    Interval(1, 100, integer=True),
    default=1,
    when=(When("pruning.method", GRADUAL),),
    help="cuts until the ratio is reached, with a share of the fine-tuning after each",
)
SCHEDULE = Parameter(
    "pruning.schedule",
    Options(tuple(SCHEDULES)),
    default="cubic",
    when=(When("pruning.steps", (1,), negated=True),),
    help="how the ratio grows from cut to cut",
)
PATIENCE = Parameter(
    "pruning.patience",
    Interval(0, 100, integer=True),
    default=0,
    when=(When("pruning.steps", (1,), negated=True),),
    help="cuts in a row below the sweep's lower bound on accuracy after which no more are made; 0 makes all",
)
FINETUNE = Parameter(
    "pruning.finetune",
    Options(("always", "if-needed")),
    default="always",
    help="if-needed: not where the sweep's lower bound on accuracy is met without it",
)

REPORT = "pruning.json"
"""What was cut, what remained, and whether fine-tuning ran: in the stage's folder."""

MOST_NOTES = 6
"""So many layers that stay whole are told of; more are counted."""


def prune_label(params: Params) -> str:
    """The pruner's label, and of what all pruners share, what is not the default."""
    extra = [str(params[key]) for key in ("importance",) if params.get(key, "l2") != "l2"]
    if params.get("steps", 1) != 1:
        extra.append(f"{params['steps']}{'lin' if params.get('schedule') == 'linear' else ''}x")
    if params.get("patience"):
        extra.append(f"until{params['patience']}")
    if params.get("finetune", "always") != "always":
        extra.append("opt")
    return "·".join([PRUNERS[str(params["method"])].label(params), *extra]) + listening_label(params)


SAME_TEACHER = (
    Rule(
        "the network before the step is the uncompressed teacher",
        when=(When("pruning.teacher", (BEFORE,)), When("student.depth", (NONE,))),
    ),
    Rule(
        "the network before the step is the uncompressed teacher",
        when=(When("pruning.teacher", (BEFORE,)),),
        sequence=("prune", "distil"),
    ),
)

PRUNE = StepSpec(
    "prune",
    (
        *switched("pruning.method", PRUNERS, default="channel", help="what is removed"),
        STEPS,
        SCHEDULE,
        PATIENCE,
        FINETUNE,
        *listening_parameters("pruning"),
    ),
    label=prune_label,
    rules=(*rules_of("pruning.method", PRUNERS), *SAME_TEACHER),
    gains=gains_of("pruning.method", PRUNERS),
    requires=(
        Requirement(When(FINETUNE.name, ("if-needed",)), "accuracy"),
        Requirement(When(PATIENCE.name, (0,), negated=True), "accuracy"),
    ),
)


@dataclass(frozen=True)
class CutReport:
    """The outcome of one cut.

    Attributes:
        ratio: What was asked for, in all.
        sizes: What remained, see `Pruner.sizes`.
        parameters: How many parameters remained.
        zeros: How many of them are zero.
        accuracy: On the ``validation`` split before fine-tuning, if that depended on it.
        epochs: How long it was fine-tuned.
    """

    ratio: float | Mapping[str, float]
    sizes: Mapping[str, int]
    parameters: int
    zeros: int
    accuracy: float | None
    epochs: int


class Prune:
    """Prune the parent's network in one or several cuts; after each, re-estimate batch normalization and fine-tune.

    With ``pruning.finetune: if-needed`` a cut after which the network already meets `Context.accuracy_floor` on the
    ``validation`` split, on which the sweep's constraint is checked too, is not fine-tuned; its epochs are left to the
    cuts that follow.

    With ``pruning.patience`` the ratio is the most that may go: cuts end when so many in a row, fine-tuned, are below
    that floor, and the result is the network of the last one that was not. Without any training, at fidelity 0, all are
    made, so that nobody takes the file for larger than what may come of it.

    A network of which nothing can go by the ratio of a cut, such as of the first of many, waits for the next one. It
    stays as it is, without any fine-tuning, if there is none.

    The fine-tuning after a single cut is gone on from with more epochs, if its schedule allows it. That of several cuts
    is not, as the first cuts get more of the epochs, too: with another number of epochs it begins anew.
    """

    name = "prune"
    form: Form = "network"
    version = 7
    libraries: tuple[str, ...] = ("torch", "torch-pruning", "scipy")

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        settings = dict(context.training.of("finetune").settings())
        if params.get("finetune") == "if-needed" or params.get("patience"):
            settings["accuracy_floor"] = context.accuracy_floor
        if int(params.get("steps", 1)) > 1:
            settings["epochs"] = self.epochs(context.training)
        return {**settings, **context.exclude.settings("pruning")}

    def extent(self, params: Params, context: Context) -> EpochBudget:
        """See `Trains.extent`: of all cuts together, the epochs that come first."""
        return context.extent(self.epochs(context.training))

    def epochs(self, training: Training) -> int:
        """See `Trains.epochs`."""
        return training.epochs("finetune")

    def listens(self, params: Params) -> bool:
        """See `Listens.listens`."""
        return asks_teacher(params)

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        before = Checkpoint.load(parent, context.task)
        model, structure = before.model, list(before.structure)
        pruner = PRUNERS[str(params["method"])]
        teacher, gentle = teacher_for(parent, params, context), bool(before.structure[0].get("gentle"))
        notes, nothing = list[str](), ""
        steps, spare, reports = int(params.get("steps", 1)), 0, list[CutReport]()
        extent = self.extent(params, context)
        left, patience = extent.epochs, _patience(params, context, extent, out)
        budgets = epochs_of(self.epochs(context.training), steps)
        parts = list(zip(shares(steps, str(params.get("schedule", "cubic"))), budgets, strict=True))
        try:
            ratios = ratios_for(parent, params, notes.append)
        except UnchangedError as error:
            nothing, ratios, parts = error.reason, 0.0, []
        goal = pruning_request(model, params, context, ratios, notes.append)
        for phase, (share, epochs) in enumerate(parts):
            cut = goal.part(share)
            try:
                history = pruner.prune(model, cut)
            except UnchangedError as error:  # a larger share may cut something
                nothing, model, spare = error.reason, Checkpoint.load(parent, context.task).model, spare + epochs
                continue
            nothing = ""
            structure.append({"pruner": pruner.name, "history": history})
            reestimate_statistics(model, context)
            accuracy = _accuracy_if_asked(model, params, context)
            is_enough = accuracy is not None and accuracy >= (context.accuracy_floor or 0)
            spare += epochs
            until = 0 if is_enough else min(spare, left)
            reports.append(_report(model, pruner, cut, accuracy, until))
            if not is_enough:
                several, keep = phase if steps > 1 else None, keep_zeros(model, pruned_weights(structure))
                train_on = partial(teach, model, teacher, context, params, kind="finetune", gentle=gentle)
                train_on(epochs=spare, until=until, phase=several, after_step=keep)
                spare, left = 0, left - until
            if patience and patience.look(model, structure, network_accuracy(model, context)):
                break
        if patience:
            notes += filter(None, [patience.note(steps)])
        if patience and patience.kept:
            reports = reports[: patience.kept]
        else:
            Checkpoint(model, structure).save(out)
        _write(reports, nothing, out)
        if nothing:
            notes = [f"{pruner.name} left the network as it is: {nothing}"]
        if notes:
            context.note(_told(notes))


def left_whole(folder: Path) -> str:
    """Return why nothing was cut where a prune step left its result in `folder`; empty if something was."""
    return str(json.loads((folder / REPORT).read_text(encoding="utf-8")).get("nothing", ""))


def _patience(params: Params, context: Context, extent: EpochBudget, out: Path) -> CutPatience | None:
    """The judge of the cuts, if they are to be judged."""
    is_untrained = extent.epochs == 0 and not extent.is_whole
    if not params.get("patience") or context.accuracy_floor is None or is_untrained:
        return None
    return CutPatience(int(params["patience"]), context.accuracy_floor, out)


def _told(notes: Iterable[str]) -> str:
    several = list(dict.fromkeys(notes))
    more = len(several) - MOST_NOTES
    return "; ".join(several[:MOST_NOTES]) + (f"; and {more} more" if more > 0 else "")


def _accuracy_if_asked(model: nn.Module, params: Params, context: Context) -> float | None:
    if params.get("finetune") != "if-needed" or context.accuracy_floor is None:
        return None
    return network_accuracy(model, context)


def _report(model: nn.Module, pruner: Pruner, cut: PruningRequest, accuracy: float | None, epochs: int) -> CutReport:
    weights = [parameter.detach() for parameter in model.parameters()]
    return CutReport(
        cut.ratio,
        pruner.sizes(model, cut.example, cut.exclude),
        sum(weight.numel() for weight in weights),
        sum(int((weight == 0).sum()) for weight in weights),
        accuracy,
        epochs,
    )


def _write(reports: list[CutReport], nothing: str, out: Path) -> None:
    content = {"finetuned": any(report.epochs for report in reports), "cuts": [asdict(report) for report in reports]}
    content |= {"nothing": nothing} if nothing else {}
    (out / REPORT).write_text(json.dumps(content, indent=1), encoding="utf-8")
