"""The address of an MLflow tracking store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy.engine import make_url

SERVERS, DATABASES = ("http", "https"), ("sqlite", "postgresql", "mysql", "mssql")

LEGAL = (
    "http://HOST:PORT or https://HOST of a server, a database such as sqlite:///FILE or "
    "postgresql://USER@HOST/NAME, or databricks"
)


def address_problem(uri: str) -> str | None:
    """Return why `uri` cannot be an address of a tracking store, or None; nothing is tried."""
    scheme = uri.partition(":")[0]
    if is_server(uri):
        return None if _host(uri) else f"{uri!r} names no host; legal: {LEGAL}"
    if scheme.partition("+")[0] in DATABASES and "://" in uri:
        return None
    installed = {point.name for point in entry_points(group="mlflow.tracking_store")}
    if scheme in {"databricks", *installed}:
        return None
    return f"{uri!r} is no address of a tracking store; legal: {LEGAL}"


def file_problem(uri: str) -> str | None:
    """Return why the file of the SQLite database `uri` cannot be used, or None; other addresses have no file here."""
    if uri.partition(":")[0].partition("+")[0] != "sqlite":
        return None
    database = make_url(uri).database
    if not database or database == ":memory:":
        return None
    file = Path(database)
    try:
        if file.exists():
            _open_database(file)
        else:  # MLflow makes it, and its folder
            with TemporaryFile(dir=next(folder for folder in file.absolute().parents if folder.exists())):
                pass
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return f"{uri!r} cannot be used: {file}: {reason}; give the path of a file that can be written: sqlite:///FILE"
    return None


def _open_database(file: Path) -> None:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=1)) as database:
        database.execute("PRAGMA schema_version").fetchone()


def is_server(uri: str) -> bool:
    """Return whether `uri` is asked over HTTP, so that it may take long to answer."""
    return uri.partition(":")[0] in SERVERS


def shown(uri: str) -> str:
    """Return `uri` without the name and password that it may have."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def _host(uri: str) -> str | None:
    try:
        return urlsplit(uri).hostname
    except ValueError:
        return None
