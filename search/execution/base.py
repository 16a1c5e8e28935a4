"""A worker's base: what it shares with the driver, whether it sees the driver's workspace or not."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search.errors import SweepError
from search.execution.hub_store import HubStore
from search.execution.node_folder import NodeFolder, clean
from search.execution.outbox import HubOutbox, Outbox, OwnOutbox
from search.execution.persons_code import unpacked
from search.execution.survey import Terms
from search.execution.work import Evaluate, Keeps


@dataclass(frozen=True)
class Base:
    """What workers share with the driver.

    Attributes:
        results: The folder of results in the driver's workspace.
        folder: The folder where the command was started.
        terms: What a node has to answer; None if all trials run on the driver's machine.
        hub: The hub of a cluster; None without one.
    """

    results: Path
    folder: Path
    terms: Terms | None = None
    hub: Any = None

    def settle(self, evaluate: Evaluate) -> Settled:
        """Let a worker on this machine work.

        Raises:
            SweepError: it cannot, with the reason.
        """
        if self.terms is None:
            _enter(self.folder)
            return Settled(evaluate, OwnOutbox(self.results))
        report = self.terms.look()
        if problems := list(self.terms.refusals(report)):
            raise SweepError(
                f"{report.host} cannot work on this sweep, or would make other results ({'; '.join(problems)}): "
                "make it like the driver's machine, or take it out of the cluster"
            )
        _enter(self.folder if report.code else self._travelled(report.host))
        if report.shares:
            return Settled(evaluate, OwnOutbox(self.results))
        try:
            clean()
            own = NodeFolder(self.terms.nonce)
        except OSError as error:
            raise SweepError(
                f"{report.host}: no folder for what trials need there: {error}; set TMPDIR to a folder that can be "
                "written, where ray start is run"
            ) from error
        if isinstance(evaluate, Keeps):
            store = replace(evaluate.store, root=own.store, hub=HubStore(self.hub))
            evaluate = evaluate.keep_in(store)
        return Settled(evaluate, HubOutbox(self.hub, own.words), own)

    def _travelled(self, host: str) -> Path:
        if found := unpacked(self.folder.name):
            return found
        raise SweepError(
            f"{host} has not got your modules ({self.folder}), or others, and came after the sweep had begun: they are "
            "sent when the same command is run again"
        )


@dataclass(frozen=True)
class Settled:
    """A worker that can work.

    Attributes:
        evaluate: What it does with a recipe.
        outbox: Where it writes.
        own: The folder of its machine, if it does not see the driver's workspace.
    """

    evaluate: Evaluate
    outbox: Outbox
    own: NodeFolder | None = None

    def make_room(self) -> None:
        """See `NodeFolder.make_room`."""
        if self.own:
            self.own.make_room()

    def close(self) -> None:
        """Give the folder back."""
        if self.own:
            self.own.close()


def cannot_write(error: BaseException) -> SweepError:
    """The error of a worker that cannot write down what it has found."""
    return SweepError(
        f"the worker on {platform.node()} cannot write down what it does: {error}; see that it may write there, then "
        "run the same command: nothing that was finished is lost"
    )


def _enter(folder: Path) -> None:
    """The person's code runs as by itself: in the folder where the command was started, if this machine has it."""
    with suppress(OSError):
        os.chdir(folder)
