"""Under what a sweep ran: versions, machine, person. Tags of its run."""

from __future__ import annotations

import getpass
import platform

from pipelines.extra import installed_version
from search.config.sweep_config import SweepConfig
from search.tracking.client import SWEEP, tracked

LIBRARIES = ("paredown", "torch", "torch-pruning", "onnx", "onnxruntime", "optuna", "ray", "mlflow")


def provenance(config: SweepConfig) -> dict[str, str]:
    """The tags of the sweep's run; the driver's machine and environment, which all workers of a cluster share."""
    tags = {f"version.{name}": installed_version(name) for name in LIBRARIES}
    tags |= {tracked(f"objective.{objective.name}"): objective.direction for objective in config.objectives}
    tags |= {tracked(f"constraint.{constraint.name}"): str(constraint) for constraint in config.constraints}
    return {
        **tags,
        "version.python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "task": config.task.use,
        SWEEP: config.sweep,
        "mlflow.source.name": "paredown run",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as nobody that it knows
        return "unknown"
