"""Shipping one trial: a folder with its file and all that goes with it, checked by reading it again."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pipelines import RUNTIMES
from pipelines.file_hash import sha256
from pipelines.own_folder import replacement
from pipelines.runtimes import example_feed, to_feed
from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.files import READER, task_files
from pipelines.tasks.task import to_batch
from pipelines.whole_file import sync, write_text
from search.config.yaml_file import write_yaml
from search.errors import SweepError
from search.shipping.export_bundle import ExportBundle, Shipped
from search.shipping.manifest import manifest
from search.shipping.model_card import model_card
from search.study.trial import Trial
from spaces import InputError

MANIFEST, CARD, RECIPE, SWEEP = "manifest.json", "README.md", "recipe.yaml", "sweep.yaml"

READ = "reader.feed()"

TEXTS_MB = 0.1
"""What the files beside the model need at most, about."""

ANOTHER = "name an empty or new folder"


def export_folder(named: Path) -> Path:
    """The folder that `named` means, its links resolved, after seeing that an export can be written to it.

    Raises:
        InputError: it holds something else, or cannot be made.
    """
    try:
        folder = Path(os.path.realpath(named))
        if Path.cwd().is_relative_to(folder):
            told = f"{named} is the current folder, or holds it, and cannot give way; name another"
            raise InputError.at("--export", told)
        if os.path.lexists(folder):
            check_earlier(folder)
        _try_out(folder)
    except OSError as error:
        why = f"{error.strerror}: {os.fsdecode(error.filename)}" if error.filename else str(error)
        raise InputError.at("--export", f"nothing can be written to {named}: {why}; name another folder") from None
    return folder


def check_room(folder: Path, trial: Trial) -> None:
    """See whether the export of `trial` finds room where `folder` will be.

    Raises:
        SweepError: it does not.
    """
    real = Path(os.path.realpath(folder))
    there = next(each for each in (real, *real.parents) if each.exists())
    free_mb, needed_mb = shutil.disk_usage(there).free / 1e6, trial.metrics.get("size_mb", 0.0) + TEXTS_MB
    if free_mb < needed_mb:
        raise SweepError(f"{folder} has room for {free_mb:.3g} MB, and the export needs {needed_mb:.3g} MB; make room")


def check_earlier(folder: Path) -> None:
    """See whether `folder` is empty, or an earlier export as it was written and nothing else.

    Raises:
        InputError: something would be lost with it.
    """
    if not folder.is_dir():
        raise InputError.at("--export", f"{folder} exists and is not a folder; {ANOTHER}")
    found = {path.name for path in folder.iterdir()}
    if found and not (hashes := _hashes(folder)):
        raise InputError.at("--export", f"{folder} exists and is not an earlier export; {ANOTHER}")
    if strange := sorted(name for name in found if not _is_disposable(folder / name, hashes)):
        listed = ", ".join(strange[:3])
        told = f"{folder} holds more than an earlier export, or what was changed since ({listed}), which would be lost"
        raise InputError.at("--export", f"{told}; {ANOTHER}")


def export(bundle: ExportBundle, folder: Path) -> None:
    """Write the model file, a manifest, a card, a program that runs it, recipe, sweep and the task's files to `folder`.

    Everything is written aside and appears by a rename; an earlier export gives way.

    Raises:
        InputError: `folder` holds something else.
        SweepError: the folder cannot be written, or what was written is not what was measured.
    """
    try:
        with replacement(Path(os.path.realpath(folder)), check_earlier) as draft:
            _write(bundle, draft)
    except OSError as error:
        raise SweepError(f"cannot write {folder}: {error.strerror or error}") from error


def _hashes(folder: Path) -> dict[str, str]:
    """The hashes of the files that the export in `folder` had, by name; empty if there is none."""
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        whole = {data["file"], CARD, RECIPE, SWEEP} <= data["files"].keys()
        return {**data["files"], MANIFEST: sha256(folder / MANIFEST)} if whole else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # whatever another's file may look like
        return {}


def _is_disposable(path: Path, hashes: Mapping[str, str]) -> bool:
    """Return True if `path` is a file of an export as it was written, or made by running its program."""
    if path.name == "__pycache__" and path.is_dir() and not path.is_symlink():
        return all(each.suffix == ".pyc" for each in path.iterdir())
    return path.is_file() and not path.is_symlink() and sha256(path) == hashes.get(path.name)


def _try_out(folder: Path) -> None:
    """Make a folder where the export would be written, and remove it again with those that were made for it."""
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    made: list[Path] = []
    try:
        for each in reversed(missing):
            each.mkdir()
            made.append(each)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name[:50]}."):
            pass
    finally:
        for each in reversed(made):
            with suppress(OSError):
                each.rmdir()


def _write(bundle: ExportBundle, folder: Path) -> None:
    for name, file in bundle.paths.items():
        shutil.copyfile(file, folder / name)
        if sha256(folder / name) != sha256(file):
            raise SweepError(f"{file} could not be copied whole; is the disk full?")
        sync(folder / name)
    own = _files(bundle)
    recipe = write_yaml(bundle.trial.recipe.to_list())
    texts = {
        RECIPE: recipe,
        SWEEP: bundle.config.dump(),
        **{each.script: _script(bundle, each, READER in own) for each in bundle.shipped.values()},
        CARD: model_card(bundle, recipe, {name: sha256(file) for name, file in bundle.paths.items()}),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    for name, content in own.items():
        (folder / name).write_bytes(content)
        sync(folder / name)
    hashes = {name: sha256(folder / name) for name in (*bundle.paths, *texts, *own)}
    text = json.dumps(manifest(bundle, hashes), indent=2, ensure_ascii=False)
    write_text(folder / MANIFEST, text + "\n")


def _script(bundle: ExportBundle, shipped: Shipped, reads: bool) -> str:
    """The program that runs a file, on inputs that the task's reader takes if it has one."""
    target = shipped.target
    feed = example_feed(to_feed(to_batch(bundle.evaluator.task.example_input(), target.batch)))
    script = RUNTIMES[target.runtime].script(shipped.file.name, READ if reads else feed, target)
    return _reading(script) if reads else script


def _files(bundle: ExportBundle) -> Mapping[str, bytes]:
    """The files of the task that go with its models.

    Raises:
        SweepError: it gives none that can be written.
    """
    try:
        scripts = [each.script for each in bundle.shipped.values()]
        return task_files(bundle.evaluator.task, (MANIFEST, CARD, RECIPE, SWEEP, *scripts, *bundle.paths))
    except FAULTS as error:  # a person's code may raise anything
        raise SweepError(f"the files of the task {bundle.config.task.use} cannot be had: {told(error)}") from error


def _reading(script: str) -> str:
    """A runtime's program that takes its inputs from the task's reader, and has it say in words what comes out."""
    lines = script.rstrip().splitlines()
    lines[-1] = "reader.show" + lines[-1].removeprefix("print")
    first = next(index for index, line in enumerate(lines) if line.startswith("import numpy"))
    lines[first + 1 : first + 1] = ["import reader  # lies beside this file, and says what it needs"]
    return "\n".join(line.replace("  # zeros: put your inputs here", "") for line in lines) + "\n"
