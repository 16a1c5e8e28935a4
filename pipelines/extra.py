"""Packages of optional extras, which are installed only where they were asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

EXTRAS = {
    "openvino": "openvino",
    "nncf": "openvino",
    "transformers": "hf",
    "tokenizers": "hf",
}
"""The extra of Paredown with which each optional package is installed."""


def missing(packages: Sequence[str]) -> str | None:
    """Return what to do about the first of `packages` that is not installed, or None if all are."""
    for package in packages:
        try:
            version(package)
        except PackageNotFoundError:
            extra = EXTRAS.get(package)
            command = f"-e '.[{extra}]'" if extra else package
            return f"needs the package {package}, which is not installed; install it: pip install {command}"
    return None


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The versions of those of `packages` that are installed."""
    return {package: version(package) for package in packages if missing([package]) is None}


def without_telemetry() -> None:
    """Keep OpenVINO and NNCF, before they are imported, from reporting their use over the network.

    Both do it unless asked not to, the first at its import. They have stand-ins for when the package that reports is
    not installed, and an entry of None makes its import fail as if it were not.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
