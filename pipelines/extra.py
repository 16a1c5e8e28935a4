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
    "nvidia-ml-py": "cuda",
}
"""The extra of Paredown with which each optional package is installed."""

BUILDS = {"onnxruntime": ("onnxruntime-gpu",)}
"""Other distributions of the same package, which take its place where they are installed."""


def distribution(package: str) -> str:
    """Return the name of the distribution of `package` that is installed: its own, unless another build of it is."""
    for build in BUILDS.get(package, ()):
        try:
            version(build)
        except PackageNotFoundError:
            continue
        return build
    return package


def installed_version(package: str) -> str:
    """Return the version of `package`, whichever build of it is installed.

    Raises:
        PackageNotFoundError: none is.
    """
    return version(distribution(package))


def missing(packages: Sequence[str]) -> str | None:
    """Return what to do about the first of `packages` that is not installed, or None if all are."""
    for package in packages:
        try:
            installed_version(package)
        except PackageNotFoundError:
            extra = EXTRAS.get(package)
            command = f"-e '.[{extra}]'" if extra else package
            return f"needs the package {package}, which is not installed; install it: pip install {command}"
    return None


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The versions of those of `packages` that are installed."""
    return {package: installed_version(package) for package in packages if missing([package]) is None}


def without_telemetry() -> None:
    """Keep OpenVINO and NNCF, before they are imported, from reporting their use over the network.

    Both do it unless asked not to, the first at its import. They have stand-ins for when the package that reports is
    not installed, and an entry of None makes its import fail as if it were not.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
