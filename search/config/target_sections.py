"""The sections of a sweep's file that name its targets: ``target:``, or several under ``targets:``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines import RUNTIMES, Targets
from search.config.plain_file import read_plain
from search.config.sections import TargetSection
from spaces import Problem


@dataclass(frozen=True)
class PlacedTarget:
    """One of the sections, as far as it is legal.

    Attributes:
        name: The target's name; empty if it has none.
        where: The key path of the section.
        section: Its values.
        unsure: Those of its keys of which the value is not known.
    """

    name: str
    where: str
    section: TargetSection
    unsure: frozenset[str]

    @property
    def is_known(self) -> bool:
        """True if it is known what the target is."""
        return not self.unsure & {"runtime", "device"} and self.section.runtime in RUNTIMES


def placed_targets(raw: Mapping[str, Any], wrong: Collection[str]) -> tuple[PlacedTarget, ...]:
    """The sections that can be read, in the file's order.

    Args:
        raw: The file's content.
        wrong: The key paths of which the value is not known.
    """
    given = raw.get("targets")
    places = {str(name): f"targets.{name}" for name in given} if isinstance(given, Mapping) else {"": "target"}
    found = []
    for name, where in places.items():
        if "targets" not in wrong and (section := read_plain(TargetSection, raw, where, wrong)):
            unsure = frozenset(path.rpartition(".")[2] for path in wrong if path.startswith(f"{where}."))
            found.append(PlacedTarget(name, where, section, unsure))
    return tuple(found)


def targets_of(placed: Collection[PlacedTarget]) -> Targets:
    """The targets that the sections describe, all of which are known."""
    return Targets(tuple((each.name, each.section.value()) for each in placed))


def target_problems(raw: Mapping[str, Any], placed: Collection[PlacedTarget], address: str) -> Iterator[Problem]:
    """Yield what is wrong with the targets as a whole.

    Args:
        raw: The file's content.
        placed: The sections that can be read.
        address: Where the cluster is.
    """
    if raw.get("targets") is not None and raw.get("target") is not None:
        yield Problem("target", "is given beside targets; name it, such as targets: {edge: {…}}, or leave targets out")
    for each in placed:
        if each.section.resource and address == "local":
            told = (
                "is what nodes of a cluster offer, and cluster.address is local; start a cluster here with: ray start "
                f"--head, and set cluster.address: auto; or leave {each.where}.resource out, to measure where trials "
                "run"
            )
            yield Problem(f"{each.where}.resource", f"{each.section.resource!r} {told}")
    here = [each for each in placed if not each.section.resource]
    for each in here:
        if each.section.device != here[0].section.device:
            first = f"{here[0].where}, which is measured there, too, on {here[0].section.device}"
            told = f"{each.section.device!r} of the machines that build, where trainings give way for {first}"
            yield Problem(f"{each.where}.device", f"{told}; give one of both a resource")
