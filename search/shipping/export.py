"""Shipping one trial: a folder with its file and all that goes with it, checked by reading it again."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from pipelines import FORMATS, RUNTIMES
from pipelines.file_hash import sha256
from pipelines.runtimes import example_feed, to_feed
from pipelines.tasks.task import to_batch
from pipelines.whole_file import sync, write_text
from search.config.yaml_file import write_yaml
from search.errors import SweepError
from search.shipping.export_bundle import ExportBundle
from search.shipping.manifest import manifest
from search.shipping.model_card import model_card
from spaces import InputError

MANIFEST, CARD, RECIPE, SWEEP, SCRIPT = "manifest.json", "README.md", "recipe.yaml", "sweep.yaml", "run.py"


def check_folder(folder: Path) -> None:
    """See whether an export may be written to `folder`.

    Raises:
        InputError: it holds something else, or cannot be made.
    """
    if folder.resolve() == Path.cwd():
        raise InputError.at("--export", f"{folder} is the current folder, which cannot give way; name another")
    if folder.is_dir():
        found = {path.name for path in folder.iterdir()}
        models = {each.file for each in FORMATS.values()}
        strange = sorted(found - models - {MANIFEST, CARD, RECIPE, SWEEP, SCRIPT, "__pycache__"})
        if found and MANIFEST not in found:
            raise InputError.at(
                "--export", f"{folder} exists and is not an earlier export; name an empty or new folder"
            )
        if strange:
            message = f"{folder} holds more than an earlier export ({', '.join(strange[:3])}), which would be lost"
            raise InputError.at("--export", f"{message}; name an empty or new folder")
    elif folder.exists():
        raise InputError.at("--export", f"{folder} exists and is not a folder; name an empty or new folder")


def export(bundle: ExportBundle, folder: Path) -> None:
    """Write the model file, a manifest, a model card, a program that runs it, its recipe and its sweep to `folder`.

    Everything is written aside and appears by a rename; an earlier export gives way.

    Raises:
        InputError: `folder` holds something else.
        SweepError: the folder cannot be written, or what was written is not what was measured.
    """
    check_folder(folder)
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
            draft = Path(aside) / "new"
            draft.mkdir()
            _write(bundle, draft)
            _swap(draft, folder, Path(aside) / "old")
    except OSError as error:
        raise SweepError(f"cannot write {folder}: {error.strerror or error}") from error


def _swap(draft: Path, folder: Path, old: Path) -> None:
    """Put `draft` in the place of `folder`, which becomes `old`; it comes back if that fails."""
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(draft, folder)
    except OSError:
        if old.exists():
            os.replace(old, folder)
        raise


def _write(bundle: ExportBundle, folder: Path) -> None:
    config, trial, file = bundle.config, bundle.trial, bundle.file
    shutil.copyfile(file, folder / file.name)
    if sha256(folder / file.name) != sha256(file):
        raise SweepError(f"{file} could not be copied whole; is the disk full?")
    sync(folder / file.name)
    runtime, target = RUNTIMES[config.target.runtime], config.target
    feed = to_feed(to_batch(bundle.evaluator.task.example_input(), target.batch))
    recipe = write_yaml(trial.recipe.to_list())
    texts = {
        RECIPE: recipe,
        SWEEP: config.dump(),
        SCRIPT: runtime.script(file.name, example_feed(feed), target),
        CARD: model_card(bundle, recipe, sha256(file)),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    hashes = {name: sha256(folder / name) for name in (file.name, *texts)}
    text = json.dumps(manifest(bundle, hashes), indent=2, ensure_ascii=False)
    write_text(folder / MANIFEST, text + "\n")
