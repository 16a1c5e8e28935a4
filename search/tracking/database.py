"""The database file of MLflow's embedded store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import URL, Engine, event

from pipelines.whole_file import create_bytes


def create_database(file: Path, artifacts: Path) -> None:
    """Make MLflow's database at `file` unless there is one; it appears whole or not at all.

    MLflow makes its tables one by one, and can never again open a file in which it was ended between two of them.

    Args:
        file: Where the database goes.
        artifacts: The folder of artifacts of MLflow's own experiment ``Default``.
    """
    if file.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # slow to load, and needed once

    with TemporaryDirectory(prefix="paredown-") as folder, _unsynced():
        draft = Path(folder) / file.name
        address = URL.create("sqlite+pysqlite", database=str(draft)).render_as_string()
        SqlAlchemyStore(address, artifacts.as_uri()).engine.dispose()  # type: ignore[no-untyped-call]
        create_bytes(file, draft.read_bytes())


@contextmanager
def _unsynced() -> Iterator[None]:
    """Let SQLite not wait for the disk after each of MLflow's many steps: what is lost is a draft."""

    def relax(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)
