"""What a node of the cluster is asked before the first trial.

The function is sent as it is written, since Paredown may not be there to import it from: the standard library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import socket
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("spaces", "pipelines", "search")


def look(marker: str, nonce: str, folder: str, code: Mapping[str, str], distributions: Sequence[str]) -> dict[str, Any]:
    """Look what there is on this machine.

    Args:
        marker: The path of a file in the driver's workspace.
        nonce: What it says.
        folder: The folder where the command was started.
        code: The SHA-256 of the person's modules, by path from there.
        distributions: Of which the version is asked.

    Returns:
        ``host``, ``python``, ``paredown`` (a digest of its sources; empty if it is not found), ``versions`` by
        distribution (empty where it is missing), ``shares`` (the marker is there), ``code`` (the modules are there),
        ``temporary`` (why nothing can be written to the temporary folder; empty if it can be).
    """
    versions = {}
    for name in distributions:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = ""
    temporary = ""
    try:
        with tempfile.TemporaryFile() as stream:
            stream.write(b"0" * 4096)
    except OSError as error:
        temporary = str(error)
    return {
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "paredown": sources(),
        "versions": versions,
        "shares": is_seen(marker, nonce),
        "code": has_code(folder, code),
        "temporary": temporary,
    }


def sources() -> str:
    """A digest of Paredown's sources; empty if one of its packages is not found."""
    hashed = hashlib.sha256()
    for name in PACKAGES:
        found = importlib.util.find_spec(name)
        if found is None or not found.submodule_search_locations:
            return ""
        root = Path(next(iter(found.submodule_search_locations)))
        for file in sorted(root.rglob("*.py")):
            hashed.update(f"{name}/{file.relative_to(root).as_posix()}\n".encode())
            hashed.update(hashlib.sha256(file.read_bytes()).digest())
    return hashed.hexdigest()


def is_seen(marker: str, nonce: str) -> bool:
    """Return True if the file `marker` is there and says `nonce`: then this machine sees the driver's workspace."""
    try:
        return Path(marker).read_text(encoding="ascii") == nonce
    except (OSError, ValueError):
        return False


def has_code(folder: str, code: Mapping[str, str]) -> bool:
    """Return True if `folder` has the files of `code` as they are where the command was started."""
    try:
        return all(
            hashlib.sha256(Path(os.path.join(folder, name)).read_bytes()).hexdigest() == digest
            for name, digest in code.items()
        )
    except OSError:
        return False
