"""The survey of a cluster before the first trial: what its nodes have, and whether they can work on the sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipelines import Evaluator, format_of
from pipelines.runtimes import RUNTIMES
from pipelines.stages import STAGE_TYPES
from pipelines.whole_file import write_text
from search.errors import SweepError
from search.execution import node_report
from search.execution.persons_code import PersonsCode
from search.execution.ray_error import first_line

ANSWER_S = 120.0
"""A node that has not answered by then is told. Its first process may have to be started, on a busy machine."""

BESIDE = ("ray", "numpy")
"""Distributions that shape no key, and of which a difference is told."""

SHOWN = 8
"""So many nodes are named at most."""


@dataclass(frozen=True)
class Report:
    """What there is on a node, or on the driver's machine; see `search.execution.node_report.look`."""

    host: str
    python: str
    paredown: str
    versions: Mapping[str, str]
    shares: bool = True
    code: bool = True
    temporary: str = ""
    node: str = ""
    address: str = ""

    def __str__(self) -> str:
        return f"{self.host} ({self.address})" if self.address else self.host


@dataclass(frozen=True)
class Terms:
    """What a node is asked, and what it has to answer.

    Attributes:
        marker: A file in the driver's workspace.
        nonce: What it says, in this run alone.
        code: The person's modules.
        driver: The report of the driver's own machine.
        shaping: The distributions whose versions shape results.
    """

    marker: Path
    nonce: str
    code: PersonsCode
    driver: Report
    shaping: tuple[str, ...]

    @classmethod
    def of(cls, evaluate: object, marker: Path, code: PersonsCode) -> Terms:
        """The terms for the sweep of `evaluate`; writes the `marker`."""
        nonce, shaping = uuid4().hex, shaping_distributions(evaluate)
        write_text(marker, nonce)
        asked = cls(marker, nonce, code, Report("", "", "", {}), shaping)
        return replace(asked, driver=asked.look())

    @property
    def questions(self) -> tuple[Any, ...]:
        """The arguments of `search.execution.node_report.look`."""
        return str(self.marker), self.nonce, str(self.code.folder), dict(self.code.files), (*self.shaping, *BESIDE)

    def look(self) -> Report:
        """The report of the machine on which this is called."""
        return Report(**node_report.look(*self.questions))

    def refusals(self, node: Report, trains: bool = True) -> Iterator[str]:
        """Yield why `node` cannot do what it is to do, or would make other results.

        Args:
            node: The report.
            trains: Whether it runs trials; else it measures files only.
        """
        if not node.paredown:
            yield "Paredown is not found there: install it, or put its folder on PYTHONPATH where ray start is run"
        elif node.paredown != self.driver.paredown:
            yield "Paredown's sources are others than here"
        if _series(node.python) != _series(self.driver.python):
            yield f"Python is {node.python}, and here {self.driver.python}"
        if node.temporary:
            yield f"nothing can be written to its temporary folder: {node.temporary}"
        for name in self.shaping if trains else ():
            here, there = self.driver.versions[name], node.versions[name]
            if here and not there:
                yield f"{name} is not installed"
            elif here != there:
                yield f"{name} is {there}, and here {here or 'none'}"

    def remarks(self, node: Report) -> Iterator[str]:
        """Yield in what `node` differs from the driver's machine though that shapes no result."""
        if node.python != self.driver.python and _series(node.python) == _series(self.driver.python):
            yield f"Python is {node.python}, and here {self.driver.python}"
        for name in BESIDE:
            if (here := self.driver.versions[name]) != (there := node.versions[name]):
                yield f"{name} is {there or 'not installed'}, and here {here}"


def survey(terms: Terms, trains: Callable[[Mapping[str, float]], bool], measures: Collection[str]) -> list[Report]:
    """Ask each node of the cluster.

    Args:
        terms: What it is asked, and what it has to answer.
        trains: Whether a node with these resources runs trials.
        measures: The resources of nodes that measure; none if trials are measured where they run.

    Returns:
        The reports of the nodes that run trials.

    Raises:
        SweepError: a node that the sweep would use cannot be used, or does not answer; with all of them.
    """
    nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
    used = {
        key: node
        for key, node in nodes.items()
        if trains(node["Resources"]) or not set(measures).isdisjoint(node["Resources"])
    }
    ray.cloudpickle.register_pickle_by_value(node_report)
    try:
        look = ray.remote(node_report.look)
        asked = {}
        for key in used:
            there = NodeAffinitySchedulingStrategy(key, soft=False)
            answer = look.options(num_cpus=0, max_retries=1, scheduling_strategy=there).remote(*terms.questions)
            asked[answer] = key
    finally:
        ray.cloudpickle.unregister_pickle_by_value(node_report)
    found: list[Report] = []
    problems: list[str] = []
    deadline = time.monotonic() + ANSWER_S
    for answer, key in asked.items():
        node = used[key]
        try:
            answered = ray.get(answer, timeout=max(1.0, deadline - time.monotonic()))
        except GetTimeoutError:
            problems.append(f"{_name(node)}: it has not answered for {ANSWER_S:g} s; see its Ray's logs, or end it")
            continue
        except RayError as error:
            if key in {each["NodeID"] for each in ray.nodes() if each["Alive"]}:
                problems.append(f"{_name(node)}: {first_line(error)}")
            continue
        report, works = Report(**answered, node=key, address=node["NodeManagerAddress"]), trains(node["Resources"])
        problems += [f"{report}: {each}" for each in terms.refusals(report, works)]
        if works:
            found.append(report)
    if problems:
        raise SweepError(refused(problems))
    return found


def refused(problems: Iterable[str]) -> str:
    """Return, in words, that nodes cannot be used."""
    listed = list(problems)
    more = [f"and {len(listed) - SHOWN} more"] if len(listed) > SHOWN else []
    lines = "\n".join(f"  {each}" for each in [*listed[:SHOWN], *more])
    return (
        f"nodes of the cluster cannot work on this sweep, or would make other results:\n{lines}\n"
        "Make them like this machine, or take them out of the cluster; then run the same command"
    )


def shaping_distributions(evaluate: object) -> tuple[str, ...]:
    """Return the distributions whose versions shape the results of `evaluate`; none of a function with known answers.

    They are those in the keys of stages, and those in which its files are run.
    """
    if not isinstance(evaluate, Evaluator):
        return ()
    names = {name for stage in STAGE_TYPES for name in stage().libraries}
    for _, target in evaluate.targets:
        names |= {*format_of(target.runtime).libraries, *RUNTIMES[target.runtime].packages}
    return tuple(sorted(names))


def _name(node: Mapping[str, Any]) -> str:
    """The name of a node: that of its machine, with its address."""
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def _series(python: str) -> str:
    """The part of Python's version within which its files are the same: ``3.11``."""
    return python.rpartition(".")[0]
