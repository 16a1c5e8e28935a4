"""``paredown ui``."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.output import err
from search.errors import SweepError
from search.study.workspace import Workspace
from spaces import InputError, shown

if TYPE_CHECKING:
    from search.config.sweep_config import SweepConfig

EXAMPLE = "paredown ui digits --port 5001"

SQLITE = b"SQLite format 3\0"
"""What a database begins with; a new one is empty."""


def ui(
    name: Annotated[str | None, typer.Argument(metavar="SWEEP", help="Sweep to show; the latest, when absent.")] = None,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 5000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the MLflow UI on this workspace's store, also while sweeps run, and say where a sweep's charts are."""
    workspace = Workspace.default()
    config = _config(name, workspace)
    store = config.tracking.uri if config and config.tracking.uri else workspace.tracking_uri
    if config and store.startswith(("http://", "https://")):
        err().print(f"sweep {config.sweep} is on the tracking server {store}")
        _show(config, workspace, store.rstrip("/"))
        return
    if store == workspace.tracking_uri:
        _check_database(workspace.tracking_file)
    _claim(host, port)
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    err().print(f"MLflow UI: {address} (Ctrl-C ends it)")
    if config:
        _show(config, workspace, address)
    command = ["server", "--backend-store-uri", store, "--default-artifact-root", workspace.artifacts.as_uri()]
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning"]  # a line per request would carry the addresses away
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # MLflow's background jobs evaluate language models; they would start seven processes more.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *command])


def _check_database(file: Path) -> None:
    """See whether MLflow can open its embedded store.

    Raises:
        SweepError: it is not there, or is something else.
    """
    if not file.exists():
        raise SweepError(f"no MLflow store in {file.parent}; run a sweep first: paredown run CONFIG")
    with file.open("rb") as stream:
        if stream.read(len(SQLITE)) not in (SQLITE, b""):
            raise SweepError(
                f"{file} is not an SQLite database; move it away and run the sweeps again (paredown run CONFIG): that "
                "takes no trial again, and writes all of them into a new one"
            )


def _config(name: str | None, workspace: Workspace) -> SweepConfig | None:
    """The sweep called `name`, or the one that was run last, or None if there is none."""
    from search.config.sweep_config import load_config

    if name is None:
        folders = [workspace.sweep(each) for each in workspace.sweeps()]
        latest = max(folders, key=lambda folder: folder.config.stat().st_mtime, default=None)
    else:
        latest = workspace.existing(name)
    return load_config(latest.config) if latest else None


def _show(config: SweepConfig, workspace: Workspace, address: str) -> None:
    """Say where in the UI the sweep is."""
    from mlflow.exceptions import MlflowException

    from search.tracking.links import find_links

    try:
        links = find_links(config, workspace)
    except MlflowException as error:
        raise SweepError(f"MLflow does not answer: {str(error).splitlines()[0]}") from error
    console = err()
    if links is None:
        console.print(f"sweep {config.sweep} is not in it yet; bring it there with: paredown run CONFIG")
        return
    console.print(f"sweep {config.sweep}: {address}/{links.sweep()}", soft_wrap=True, markup=False)
    if charts := links.charts():
        console.print(f"its charts: {address}/{charts}", soft_wrap=True, markup=False)


def _claim(host: str, port: int) -> None:
    """Find out whether the server could listen.

    Raises:
        SweepError: the port is taken, or reserved.
        InputError: this machine has no such address.
    """
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SweepError(
                f"port {port} is taken, perhaps by another paredown ui; end that one, or take another port: "
                f"paredown ui --port {port % 65535 + 1}"
            ) from error
        if error.errno == errno.EACCES:
            raise SweepError(f"port {port} is for the administrator only; take one above 1023") from error
        raise InputError.at("--host", f"{shown(host)} is not an address of this machine: {error.strerror}") from error
    except UnicodeError as error:  # what cannot be a name at all, such as one that is too long
        raise InputError.at("--host", f"{shown(host)} is not an address of this machine: not a name") from error
