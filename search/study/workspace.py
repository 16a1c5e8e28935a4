"""The workspace: the one class that knows every path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from pipelines.whole_file import create_text
from search.errors import SweepError
from spaces import InputError, illegal


@dataclass(frozen=True)
class Workspace:
    """The folder in which Paredown keeps its state.

    Attributes:
        root: The folder; it need not exist yet.
    """

    root: Path

    @classmethod
    def default(cls) -> Workspace:
        """``PAREDOWN_HOME``, or ``.paredown`` in the current folder.

        Raises:
            InputError: it is a file, or its path is not UTF-8.
        """
        root = Path(os.path.realpath(os.path.expanduser(os.environ.get("PAREDOWN_HOME") or ".paredown")))
        try:
            str(root).encode()
        except UnicodeEncodeError:
            advice = "neither MLflow nor Ray can use it; set PAREDOWN_HOME to another folder"
            raise InputError.at("PAREDOWN_HOME", f"the path {root} is not UTF-8: {advice}") from None
        if root.is_file():
            raise InputError.at("PAREDOWN_HOME", f"{root} is a file; set it to a folder, which need not exist yet")
        return cls(root)

    @property
    def store(self) -> Path:
        """Results of stages, shared by all sweeps."""
        return self.root / "store"

    @property
    def studies(self) -> Path:
        """One folder for each sweep."""
        return self.root / "studies"

    @property
    def artifacts(self) -> Path:
        """Artifacts of MLflow's embedded store."""
        return self.root / "mlartifacts"

    @property
    def tracking_uri(self) -> str:
        """The URL of MLflow's embedded store."""
        from sqlalchemy import URL  # slow to load, and needed by few commands

        # With the driver's name, as MLflow makes the folder of a bare sqlite:/// without reading its escapes.
        return URL.create("sqlite+pysqlite", database=str(self.tracking_file)).render_as_string()

    @property
    def tracking_file(self) -> Path:
        """The database file of MLflow's embedded store."""
        return self.root / "mlflow.db"

    def identity(self) -> str:
        """The name that tells this workspace from all others, wherever they are: made when it is first asked for."""
        path = self.root / "identity"
        if not path.exists():
            create_text(path, uuid4().hex)
        return path.read_text(encoding="utf-8")

    def sweeps(self) -> list[str]:
        """The names of all sweeps that were started here, sorted."""
        return sorted(path.parent.name for path in self.studies.glob("*/config.yaml") if "@" not in path.parent.name)

    def sweep(self, name: str) -> SweepFolder:
        """The folder of the sweep called `name`, whether it exists or not."""
        return SweepFolder(self.studies / name)

    def existing(self, name: str) -> SweepFolder:
        """The folder of the sweep called `name`.

        Raises:
            InputError: no such sweep was started here.
        """
        if name not in self.sweeps():
            hint = "give the sweep's name, not its file" if name.endswith((".yaml", ".yml")) else f"in {self.root}"
            raise InputError.at("SWEEP", f"{illegal(name, self.sweeps())} ({hint})")
        return self.sweep(name)


@dataclass(frozen=True)
class SweepFolder:
    """The folder in which one sweep keeps its state.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.path.name

    @property
    def config(self) -> Path:
        """The sweep's file as it was when the sweep was last run, overrides included."""
        return self.path / "config.yaml"

    @property
    def task(self) -> Path:
        """The record of the task as it was when the sweep was begun; see `search.study.task_record`."""
        return self.path / "task.json"

    @property
    def journal(self) -> Path:
        """The Optuna study."""
        return self.path / "journal.log"

    @property
    def results(self) -> Path:
        """The results that workers have finished and the driver has not told the study yet."""
        return self.path / "results"

    @property
    def ray(self) -> Path:
        """The folder that Ray Tune writes to; nothing in it is ever read back."""
        return self.path / "ray"

    @property
    def ray_log(self) -> Path:
        """What Ray's libraries have said while the sweep ran; see `search.execution.ray_words`."""
        return self.path / "ray.log"

    @property
    def nodes(self) -> Path:
        """The nodes that the sweep's driver has seen last; see `search.execution.nodes`."""
        return self.path / "nodes.json"

    @property
    def measurements(self) -> Path:
        """The folder of what was measured after the search, one file for each remeasurement."""
        return self.path / "measurements"

    @property
    def held_out(self) -> Path:
        """The folder of results on the test split, one file for each trial for which it was opened."""
        return self.path / "test"

    @property
    def confirm(self) -> Path:
        """The folder of trials that were run again with other seeds: one in it for each seed."""
        return self.path / "confirm"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the sweep: one driver at a time. The lock goes with the process, however that ends.

        Raises:
            SweepError: another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / "driver.lock")
        try:
            lock.acquire(timeout=1)  # `is_running` holds it for a moment
        except Timeout:
            raise SweepError(
                f"sweep {self.name!r} is running in another process; watch it with: paredown status {self.name}"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def is_running(self) -> bool:
        """Return True if a process holds the sweep now."""
        if not self.path.exists():
            return False
        lock = FileLock(self.path / "driver.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def set_aside(self) -> Path | None:
        """Give the folder another name, so that the sweep starts anew; nothing is deleted.

        Returns:
            The new path, or None if there was no such sweep.
        """
        if not (self.config.exists() or self.journal.exists()):
            return None
        stamp, number = datetime.now(UTC).strftime("%Y%m%dT%H%M%S"), 1
        aside = self.path.with_name(f"{self.name}@{stamp}")
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{self.name}@{stamp}-{number}")
        self.path.rename(aside)
        return aside
