"""Shipping one trial: its file with a manifest, checked by reloading."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from pipelines import RUNTIMES
from search.config import SweepConfig
from search.errors import SweepError
from search.held_out import HeldOut
from search.trial import Trial
from spaces import InputError

LIBRARIES = ("torch", "onnx", "onnxruntime", "torch-pruning", "paredown")


def export(config: SweepConfig, trial: Trial, reason: str, file: Path, held_out: HeldOut, folder: Path) -> None:
    """Write the file, ``manifest.json`` and ``recipe.yaml`` of `trial` into `folder`, and check what was written.

    Raises:
        InputError: `folder` holds something else.
        SweepError: the written file is not what was measured.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / "manifest.json").exists())):
        raise InputError.at("--export", f"{folder} exists and is not an earlier export; name an empty or new folder")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file.name
    shutil.copyfile(file, target)
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    if sha256 != hashlib.sha256(file.read_bytes()).hexdigest():
        raise SweepError(f"{target} was not written whole; is the disk full?")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(trial.recipe.to_list(), sort_keys=False), encoding="utf-8")
    text = json.dumps(_manifest(config, trial, reason, target, sha256, held_out), indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def _manifest(
    config: SweepConfig, trial: Trial, reason: str, file: Path, sha256: str, held_out: HeldOut
) -> dict[str, Any]:
    return {
        "file": file.name,
        "sha256": sha256,
        "size_bytes": file.stat().st_size,
        "sweep": config.sweep,
        "trial": trial.number,
        "label": trial.label,
        "recipe": trial.recipe.to_list(),
        "recipe_digest": trial.recipe.digest,
        "reason": reason,
        "task": config.task.model_dump(),
        "seed": config.search.seed,
        "target": config.target.model_dump(),
        "metrics": dict(trial.metrics),
        "validation_accuracy": held_out.validation.accuracy,
        "test_accuracy": held_out.test.accuracy,
        "held_out": {
            "validation": asdict(held_out.validation),
            "test": asdict(held_out.test),
            "opened": datetime.fromtimestamp(held_out.opened, UTC).isoformat(timespec="seconds"),
        },
        "versions": {name: version(name) for name in (*LIBRARIES, *RUNTIMES[config.target.runtime].packages)},
    }
