"""Fronts side by side: which is worth more, and what each adds to what all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from search.analysis.named_front import Contender, target_parts
from search.config.objective import Objective
from search.reports.report import table, trial_json
from search.study.front import losses, nondominated
from search.study.workspace import Workspace
from spaces import InputError, Problem


@dataclass(frozen=True)
class Contest:
    """Several fronts with the same objectives.

    Attributes:
        contenders: The fronts.
        objectives: What all of them optimise.
        scale: By what each objective is divided: the largest of the baselines' values.
        hypervolumes: Of each front with this one scale, and so with one reference point; see `ParetoFront.hypervolume`.
        joint: Of each front the trials that no trial of any front dominates.
    """

    contenders: tuple[Contender, ...]
    objectives: tuple[Objective, ...]
    scale: Mapping[str, float]
    hypervolumes: tuple[float, ...]
    joint: tuple[frozenset[int], ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Which share of the joint front each front gives; points that several fronts have count for each of them."""
        total = sum(map(len, self.joint))
        return tuple(len(own) / total if total else 0.0 for own in self.joint)

    @property
    def remarks(self) -> list[str]:
        """What keeps the numbers from being compared, in words."""
        first, found = self.contenders[0], []
        for other in self.contenders[1:]:
            if other.config.task != first.config.task:
                found.append(f"{first.name} and {other.name} have different tasks: their accuracies mean other things")
            if other.target != first.target:
                ours, theirs = ("-".join(target_parts(each.target)) for each in (first, other))
                found.append(f"{first.name} is for {ours} and {other.name} for {theirs}: latencies are per call there")
        return found


def load_contest(names: Sequence[str], workspace: Workspace) -> Contest:
    """The fronts called `names`, see `Contender.load`, side by side.

    Raises:
        InputError: every one of them that is not there, or given twice; or their objectives differ.
    """
    problems = [Problem("SWEEP", f"{name!r} is given twice") for name in dict.fromkeys(names) if names.count(name) > 1]
    contenders = []
    for name in dict.fromkeys(names):
        try:
            contenders.append(Contender.load(name, workspace))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return contest(contenders)


def contest(contenders: Sequence[Contender]) -> Contest:
    """`contenders` side by side.

    The reference point of the hypervolume comes from all baselines: in each objective their largest value is what
    counts as 1. Of sweeps with the same baseline it is the one that each has by itself.

    Raises:
        InputError: their objectives differ.
    """
    objectives = contenders[0].standing.front.objectives
    if problems := _differences(contenders):
        raise InputError(problems)
    baselines = [each.standing.baseline for each in contenders if each.standing.baseline]
    scale = {o.name: max((abs(each.metrics[o.name]) for each in baselines), default=0.0) for o in objectives}
    fronts = [each.standing.front for each in contenders]
    points = losses([trial for front in fronts for trial in front.members], objectives)
    keep, joint = iter(nondominated(points).tolist()), []
    for front in fronts:
        joint.append(frozenset(trial.number for trial in front.members if next(keep)))
    volumes = tuple(front.dominated_share(scale) if baselines else 0.0 for front in fronts)
    return Contest(tuple(contenders), objectives, scale, volumes, tuple(joint))


def _differences(contenders: Sequence[Contender]) -> list[Problem]:
    """What keeps the objectives of `contenders` from being the same; their order does not matter."""
    first, *others = contenders
    mine = set(first.config.objectives)
    found = []
    for other in others:
        theirs = set(other.config.objectives)
        if theirs != mine:
            common = [o.name for o in first.config.objectives if o in theirs]
            alone = "; ".join(
                f"{name} alone has {', '.join(f'{o.name} ({o.direction})' for o in own) or 'none'}"
                for name, own in (
                    (first.name, [o for o in first.config.objectives if o not in theirs]),
                    (other.name, [o for o in other.config.objectives if o not in mine]),
                )
            )
            message = (
                f"{first.name} and {other.name} have different objectives: in common {', '.join(common) or 'none'}"
            )
            found.append(Problem("SWEEP", f"{message}; {alone}; only fronts of the same objectives can be compared"))
    return found


def contest_json(contest: Contest) -> dict[str, Any]:
    """A contest as plain data, for ``paredown front A B --json`` and notebooks."""
    return {
        "objectives": {objective.name: objective.direction for objective in contest.objectives},
        "scale": dict(contest.scale),
        "remarks": contest.remarks,
        "fronts": [
            {
                "name": each.name,
                "sweep": each.config.sweep,
                "target": each.target.model_dump(),
                "hypervolume": volume,
                "joint_share": share,
                "baseline": trial_json(each.standing.baseline) if each.standing.baseline else None,
                "front": [{**trial_json(t), "joint": t.number in joint} for t in each.standing.front.members],
            }
            for each, volume, share, joint in zip(
                contest.contenders, contest.hypervolumes, contest.shares, contest.joint, strict=True
            )
        ],
    }


def contest_frame(contest: Contest) -> pd.DataFrame:
    """One row per member of each front: whose it is, whether it is on the joint front, and what `table` has."""
    frames = []
    for each, joint in zip(contest.contenders, contest.joint, strict=True):
        members = each.standing.front.members
        frame = table(members)
        frame.insert(0, "front", each.name)
        frame.insert(1, "joint", [trial.number in joint for trial in members])
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
