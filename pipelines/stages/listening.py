"""Trainings that follow the first one, with a teacher or without: what they can be told, and whom they ask."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from pipelines.distillers import response_parameters
from pipelines.errors import TrialFailed
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.training.context import Context
from spaces import Options, Parameter, Params, When

TEACHER, BEFORE = "teacher", "before"
"""Who teaches: the uncompressed teacher, or the network as the step found it."""

KEYS = frozenset({"alpha", "temperature", "teacher"})
"""The keys of the parameters."""


def listening_parameters(group: str, *when: When) -> tuple[Parameter, ...]:
    """The parameters of a training that may have a teacher, and has none by default, in a group of the space."""
    whom = Parameter(
        f"{group}.teacher",
        Options((TEACHER, BEFORE)),
        default=TEACHER,
        when=(*when, When(f"{group}.alpha", (0,), negated=True)),
        help="who teaches: the uncompressed teacher, or the network before the step",
    )
    return (*response_parameters(group, 0, when), whom)


def listening_label(params: Params) -> str:
    """Such as ``(α0.5,T4)`` or ``(α0.5,T4,before)``; empty without a teacher."""
    if not params.get("alpha"):
        return ""
    whom = "" if params.get("teacher", TEACHER) == TEACHER else ",before"
    return f"(α{params['alpha']:g},T{params['temperature']:g}{whom})"


def asks_teacher(params: Params) -> bool:
    """Return True if a training with `params` asks the uncompressed teacher."""
    return bool(params.get("alpha")) and params.get("teacher", TEACHER) == TEACHER


def teacher_for(parent: Path, params: Params, context: Context) -> nn.Module | None:
    """The network that teaches in a training with `params`, which follows `parent`; None if there is none.

    Raises:
        TrialFailed: the uncompressed teacher is not at hand.
    """
    if not params.get("alpha"):
        return None
    folder = context.teacher if asks_teacher(params) else parent
    if folder is None:
        raise TrialFailed("the uncompressed teacher, from which is to be learned, is not at hand")
    return Checkpoint.load(folder, context.task).model
