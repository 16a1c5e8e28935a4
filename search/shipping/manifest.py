"""The manifest of an export: everything known of the file, for programs."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from pipelines import RUNTIMES
from search.shipping.export_bundle import Shipment
from search.study.trial import Trial


def manifest(shipment: Shipment, hashes: Mapping[str, str]) -> dict[str, Any]:
    """What ``manifest.json`` holds.

    Args:
        shipment: What is shipped.
        hashes: The SHA-256 of each other file of the export, by name.
    """
    config, trial, found, file = shipment.config, shipment.trial, shipment.held_out, shipment.file
    names = dict.fromkeys(("paredown", *shipment.libraries, *RUNTIMES[config.target.runtime].packages))
    baseline = shipment.sweep.standing.baseline
    held_out = found.to_json()
    held_out["opened"] = datetime.fromtimestamp(found.opened, UTC).isoformat(timespec="seconds")
    return {
        "file": file.name,
        "sha256": hashes[file.name],
        "size_bytes": file.stat().st_size,
        "sweep": config.sweep,
        "trial": trial.number,
        "label": trial.label,
        "recipe": trial.recipe.to_list(),
        "recipe_digest": trial.recipe.digest,
        "reason": shipment.choice.reason,
        "task": config.task.model_dump(),
        "seed": config.search.seed,
        "training": config.training.model_dump(),
        "target": config.target.model_dump(),
        **_figures(shipment, trial),
        "facts": dict(trial.result.facts) if trial.result else {},
        "baseline": _figures(shipment, baseline) if baseline else None,
        "validation_accuracy": found.validation.accuracy,
        "test_accuracy": found.test.accuracy,
        "held_out": held_out,
        "stages": {stage.name: stage.key for stage in trial.result.stages} if trial.result else {},
        "rebuilds": shipment.is_current,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in names}},
        "files": dict(hashes),
    }


def _figures(shipment: Shipment, trial: Trial) -> dict[str, Any]:
    """A trial's numbers as the sweep recorded them, with intervals, and as measured again, if they were."""
    data: dict[str, Any] = {
        "metrics": dict(trial.metrics),
        "intervals": dict(trial.result.intervals) if trial.result else {},
    }
    if again := shipment.evidence.remeasured(trial.number):
        data["remeasured"] = {"metrics": dict(again.metrics), "intervals": dict(again.intervals)}
    return data
