"""The sources of a task: which modules of the person's it is made of, and whether they are loaded as they are now."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import site
import sys
import sysconfig
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType
from weakref import WeakKeyDictionary

from pipelines.file_hash import sha256
from pipelines.processes import started

OURS = frozenset({"pipelines", "search", "spaces"})
"""Paredown's packages: what of them changes a result is in the version of its stage."""

IMPORTED = time.time()

_AS_LOADED: WeakKeyDictionary[ModuleType, str] = WeakKeyDictionary()
"""The SHA-256 of the files of loaded modules at the moment when they were loaded."""


def import_current(name: str) -> ModuleType:
    """Import the module `name` as its file says now: anew if it, or a module that it imports, was loaded before that.

    Raises:
        Exception: whatever the module raises.
    """
    loaded = {each: file for each, file in _files([name]).items() if each in sys.modules and each != "__main__"}
    if any(_is_stale(sys.modules[each], file) for each, file in loaded.items()):
        for each, file in loaded.items():
            del sys.modules[each]
            # Python takes bytecode for current that was written within the same second for as many characters.
            with suppress(OSError, NotImplementedError):
                Path(importlib.util.cache_from_source(str(file))).unlink()
    module = importlib.import_module(name)
    _note(_files([name]))
    return module


def hashes(names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of the file of each module of `names`, and of all of the person's that they import, by name.

    The standard library and installed packages are left out. Of a loaded module it is the file from which it was
    loaded, whatever lies in its place now.
    """
    files = _files(names)
    _note(files)
    modules = sys.modules
    return {name: _AS_LOADED[modules[name]] if name in modules else sha256(file) for name, file in files.items()}


def _note(files: dict[str, Path]) -> None:
    for name, file in files.items():
        if name in sys.modules:
            _AS_LOADED.setdefault(sys.modules[name], sha256(file))


def _is_stale(module: ModuleType, file: Path) -> bool:
    """Return True if `file` may no longer be what `module` was loaded from."""
    if known := _AS_LOADED.get(module):
        return known != sha256(file)
    # Somebody else imported it, at a time that nobody knows.
    return file.stat().st_mtime > (started() or IMPORTED)


def _files(names: Iterable[str]) -> dict[str, Path]:
    """The files of the modules `names` and of all of the person's that they import."""
    importlib.invalidate_caches()  # files may have been written just now
    roots, found = tuple(names), dict[str, Path]()
    tops, todo = {name.partition(".")[0] for name in roots}, list(roots)
    while todo:
        name = todo.pop()
        top = name.partition(".")[0]
        if name in found or not (name in roots or _is_persons(top, tops)):
            continue
        if (file := _file(name)) is None:
            continue
        found[name] = file
        parent = name.rpartition(".")[0]
        todo += [parent] if parent else []
        if file.suffix == ".py":
            todo += _imports(file, name if file.name == "__init__.py" else parent)
    return dict(sorted(found.items()))


def _is_persons(top: str, tops: Collection[str]) -> bool:
    """Return True if the top-level module `top` is neither Python's, nor Paredown's, nor installed."""
    if top in OURS or top in sys.stdlib_module_names:
        return False
    if top in tops:
        return True
    spec = _spec(top)
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    paths = [os.path.realpath(place) for place in places if place and os.path.isabs(place)]
    return bool(paths) and not any(path.startswith(_installed()) or _is_recorded(top, path) for path in paths)


def _is_recorded(top: str, path: str) -> bool:
    """Return True if an installer has put the module `top`, which is at `path`, into a folder of its own choice.

    As with ``pip install --target``: such folders are named by PYTHONPATH.
    """
    folder = os.path.dirname(path)
    return top in _recorded(os.path.dirname(folder) if os.path.basename(path) == "__init__.py" else folder)


@cache
def _recorded(folder: str) -> frozenset[str]:
    """The top-level modules in `folder` that are in an installer's record beside them."""
    records = [record.read_text("RECORD") or "" for record in distributions(path=[folder])]
    return frozenset(line.partition("/")[0].partition(".")[0] for each in records for line in each.splitlines())


@cache
def _installed() -> tuple[str, ...]:
    named = [sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [*named, *site.getsitepackages(), site.getusersitepackages()]
    return tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)


def _file(name: str) -> Path | None:
    """The file of the module `name`, or None if it is not to be found or has none."""
    spec = _spec(name)
    place = spec.origin if spec and spec.has_location else getattr(sys.modules.get(name), "__file__", None)
    return Path(place) if place and Path(place).is_file() else None


def _spec(name: str) -> ModuleSpec | None:
    """The specification of the module `name`, loaded or not; nothing is imported for it."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    parent, path = name.rpartition(".")[0], None
    if parent:
        package = _spec(parent)
        if package is None or package.submodule_search_locations is None:
            return None
        # A folder without __init__.py knows its places once it is imported, which runs no code.
        path = list(package.submodule_search_locations if package.origin else importlib.import_module(parent).__path__)
    try:
        return PathFinder.find_spec(name, path)
    except (ImportError, ValueError):
        return None


def _imports(file: Path, package: str) -> Iterator[str]:
    """The names of modules that `file`, which belongs to `package`, may import, wherever in it that is written."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return  # whoever imports it says so
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
