"""The person's own modules, which travel to the nodes of a cluster that have not got them.

They travel as Ray's ``py_modules``: the folder where the command was started, as it is. Ray leaves out what .gitignore
and .rayignore name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.file_hash import sha256
from search.errors import SweepError

LIMIT_MB = 100.0
"""Code that is larger has data beside it, and would be unpacked on every node."""

EXCLUDES = ("__pycache__", ".git", ".paredown", ".venv", "venv", "node_modules", "mlruns", "*.pyc")
"""What never travels, in .gitignore's words."""


@dataclass(frozen=True)
class PersonsCode:
    """The person's modules.

    Attributes:
        folder: The folder where the command was started.
        files: The SHA-256 of the files in it that were imported, by their path from there.
        excludes: What never travels, in .gitignore's words.
    """

    folder: Path
    files: Mapping[str, str] = field(default_factory=dict)
    excludes: tuple[str, ...] = EXCLUDES

    @classmethod
    def loaded(cls, names: Iterable[str], workspace: Path) -> PersonsCode:
        """The modules called `names`, as far as they lie in the current folder.

        Args:
            names: Modules that are loaded.
            workspace: The driver's, which does not travel if it lies there.
        """
        folder, files = Path.cwd(), {}
        for name in names:
            file = getattr(sys.modules.get(name), "__file__", None)
            if file and Path(file).is_relative_to(folder):
                files[Path(file).relative_to(folder).as_posix()] = sha256(Path(file))
        own = (f"/{workspace.relative_to(folder).as_posix()}",) if workspace.is_relative_to(folder) else ()
        return cls(folder, files, (*EXCLUDES, *own))

    def runtime_env(self) -> dict[str, Any]:
        """Ray's runtime environment with which they travel.

        Raises:
            SweepError: the folder is too large.
        """
        sizes = dict(_sizes(self.folder, self.excludes))
        size_mb = sum(sizes.values()) / 1e6
        if size_mb > LIMIT_MB:
            first = {name.partition("/")[0]: 0 for name in sizes}
            for name, size in sizes.items():
                first[name.partition("/")[0]] += size
            largest = sorted(first, key=lambda name: -first[name])[:3]
            shown = ", ".join(f"{name} {first[name] / 1e6:,.0f} MB" for name in largest)
            raise SweepError(
                f"the folder {self.folder} is sent to the nodes that have not got your modules, and it has "
                f"{size_mb:,.0f} MB, more than {LIMIT_MB:g} MB ({shown}); name what is not needed there in a file "
                ".rayignore beside your modules (in the words of .gitignore), or put the folder under the same path "
                "on each node"
            )
        return {"py_modules": [str(self.folder)], "excludes": list(self.excludes)}


def unpacked(name: str) -> Path | None:
    """Where Ray has put the folder called `name` on this node; None if it has not."""
    found = (Path(entry) / name for entry in sys.path if "runtime_resources" in entry)
    return next((path for path in found if path.is_dir()), None)


def _sizes(folder: Path, excludes: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the files that travel, with their sizes."""
    from ray._private.runtime_env.packaging import _dir_travel, _get_excludes  # as Ray will choose them

    found: list[Path] = []
    _dir_travel(folder, [_get_excludes(folder, list(excludes))], found.append, include_gitignore=True)
    for path in found:
        if path.is_file():
            yield path.relative_to(folder).as_posix(), os.stat(path).st_size
