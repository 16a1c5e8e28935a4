"""Fronts side by side: which is worth more, and what each adds to what all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.analysis.named_front import NamedFront
from search.config.objective import Objective
from search.study.front import losses, nondominated
from search.study.workspace import Workspace
from spaces import InputError, Problem


@dataclass(frozen=True)
class FrontComparison:
    """Several fronts with the same objectives.

    Attributes:
        named_fronts: The fronts.
        objectives: What all of them optimise.
        scale: By what each objective is divided: the largest of the baselines' values.
        hypervolumes: Of each front with this one scale, and so with one reference point; see `ParetoFront.hypervolume`.
        joint: Of each front the trials that no trial of any front dominates.
    """

    named_fronts: tuple[NamedFront, ...]
    objectives: tuple[Objective, ...]
    scale: Mapping[str, float]
    hypervolumes: tuple[float, ...]
    joint: tuple[frozenset[int], ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of the joint front that each front gives; points that several fronts have count for each."""
        total = sum(map(len, self.joint))
        return tuple(len(own) / total if total else 0.0 for own in self.joint)

    @property
    def remarks(self) -> list[str]:
        """The reasons why the numbers cannot be compared, in words."""
        first, found = self.named_fronts[0], []
        for other in self.named_fronts[1:]:
            if other.config.task != first.config.task:
                found.append(f"{first.name} and {other.name} have different tasks: their accuracies mean other things")
            if other.targets != first.targets:
                ours, theirs = (each.targets.slug for each in (first, other))
                found.append(f"{first.name} is for {ours} and {other.name} for {theirs}: latencies are per call there")
        return found


def load_front_comparison(names: Sequence[str], workspace: Workspace) -> FrontComparison:
    """The fronts called `names`, see `NamedFront.load`, side by side.

    Raises:
        InputError: every one of them that is not there, or given twice; or their objectives differ.
    """
    problems = [Problem("SWEEP", f"{name!r} is given twice") for name in dict.fromkeys(names) if names.count(name) > 1]
    named_fronts = []
    for name in dict.fromkeys(names):
        try:
            named_fronts.append(NamedFront.load(name, workspace))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return compare_fronts(named_fronts)


def compare_fronts(named_fronts: Sequence[NamedFront]) -> FrontComparison:
    """`named_fronts` side by side.

    The reference point of the hypervolume comes from all baselines: in each objective their largest value is what
    counts as 1. Of sweeps with the same baseline it is the one that each has by itself.

    Raises:
        InputError: their objectives differ.
    """
    objectives = named_fronts[0].state.front.objectives
    if problems := _differences(named_fronts):
        raise InputError(problems)
    baselines = [each.state.baseline for each in named_fronts if each.state.baseline]
    scale = {o.name: max((abs(each.metrics[o.name]) for each in baselines), default=0.0) for o in objectives}
    fronts = [each.state.front for each in named_fronts]
    points = losses([trial for front in fronts for trial in front.members], objectives)
    keep, joint = iter(nondominated(points).tolist()), []
    for front in fronts:
        joint.append(frozenset(trial.number for trial in front.members if next(keep)))
    volumes = tuple(front.dominated_share(scale) if baselines else 0.0 for front in fronts)
    return FrontComparison(tuple(named_fronts), objectives, scale, volumes, tuple(joint))


def _differences(named_fronts: Sequence[NamedFront]) -> list[Problem]:
    """The reasons why the objectives of `named_fronts` from being the same; their order does not matter."""
    first, *others = named_fronts
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
