"""The manifest of an export: everything known of the file, for programs."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines import RUNTIMES
from pipelines.extra import installed_version
from pipelines.redaction import redacted
from search.shipping.export_bundle import ExportBundle
from search.study.trial import Trial


def manifest(bundle: ExportBundle, hashes: Mapping[str, str]) -> dict[str, Any]:
    """The content of ``manifest.json``.

    Args:
        bundle: What is shipped.
        hashes: The SHA-256 of each other file of the export, by name.
    """
    config, trial, found, file = bundle.config, bundle.trial, bundle.held_out, bundle.file
    runtimes = (package for _, target in config.targets for package in RUNTIMES[target.runtime].packages)
    names = dict.fromkeys(("paredown", *bundle.libraries, *runtimes))
    baseline = bundle.sweep.state.baseline
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
        "reason": bundle.choice.reason,
        "task": redacted(config.task.model_dump()),
        "seed": config.search.seed,
        "training": config.training.model_dump(),
        **_targets(bundle),
        **_figures(bundle, trial),
        "notes": dict(trial.notes),
        "baseline": _figures(bundle, baseline) if baseline else None,
        "validation_accuracy": found.validation.accuracy,
        "test_accuracy": found.test.accuracy,
        "held_out": held_out,
        "stages": {stage.name: stage.key for stage in trial.result.stages} if trial.result else {},
        "rebuilds": bundle.is_current,
        "versions": {"python": platform.python_version(), **{name: installed_version(name) for name in names}},
        "files": dict(hashes),
    }


def _targets(bundle: ExportBundle) -> dict[str, Any]:
    """The targets, with the file and the program of each that has a name."""
    data = bundle.config.targets.to_json()
    for name, target in data.get("targets", {}).items():
        shipped = bundle.shipped[name]
        target |= {"file": shipped.file.name, "script": shipped.script}
    return data


def _figures(bundle: ExportBundle, trial: Trial) -> dict[str, Any]:
    """A trial's numbers as the sweep recorded them, with intervals, and as measured again, if they were."""
    data: dict[str, Any] = {"metrics": dict(trial.metrics), "intervals": dict(trial.intervals)}
    if again := bundle.post_hoc.remeasured(trial.number):
        data["remeasured"] = {"metrics": dict(again.metrics), "intervals": dict(again.intervals)}
    return data
