"""Rows of data from files: CSV, JSON lines or parquet, one file or a folder with one for each part; or `datasets`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.extra import missing
from pipelines.file_hash import sha256
from pipelines.tasks.parts import NAMES
from pipelines.tasks.task import Split
from spaces import digest, illegal

READERS: dict[str, Callable[..., pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".jsonl": lambda path: pd.read_json(path, lines=True),
    ".json": lambda path: pd.read_json(path, lines=True),
    ".parquet": pd.read_parquet,
}

PART = "split"
"""A column of this name says to which part each row belongs."""


@dataclass(frozen=True)
class Table:
    """Rows with the parts that they belong to.

    Attributes:
        rows: All rows.
        parts: The rows of each part by number; all are ``train`` if the data says nothing.
        fingerprint: Changes when the data does.
    """

    rows: pd.DataFrame
    parts: dict[Split, np.ndarray]
    fingerprint: str

    def column(self, name: str) -> list[Any]:
        """The values of a column.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in self.rows.columns:
            raise ValueError(f"the data has no such column: {illegal(name, list(map(str, self.rows.columns)))}")
        return list(self.rows[name])


def read_table(source: str) -> Table:
    """The data called `source`: a file, a folder with one file for each part, or a name that `datasets` loads.

    Raises:
        ValueError: there is no such data, or it has no part for training.
        OSError: it cannot be read.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return _joined({"": _read(path)}, sha256(path))
    if path.is_dir():
        files = {file.stem: file for file in sorted(path.iterdir()) if file.suffix in READERS and _part(file.stem)}
        if not files:
            legal = ", ".join(f"train{suffix}" for suffix in READERS)
            raise ValueError(f"the folder {source} has no file for a part of the data, such as {legal}")
        hashes = digest({stem: sha256(file) for stem, file in files.items()})
        return _joined({stem: _read(file) for stem, file in files.items()}, hashes)
    return _from_datasets(source)


def _read(path: Path) -> pd.DataFrame:
    if path.suffix not in READERS:
        raise ValueError(f"{path} is of no kind that is read here: {illegal(path.suffix, list(READERS))}")
    return READERS[path.suffix](path)


def _part(name: str) -> Split | None:
    return NAMES.get(name.lower())


def _joined(tables: dict[str, pd.DataFrame], fingerprint: str) -> Table:
    rows = pd.concat(list(tables.values()), ignore_index=True)
    if len(tables) == 1 and PART in rows.columns:
        names = [str(name) for name in rows[PART]]
    else:
        names = [name or "train" for name, table in tables.items() for _ in range(len(table))]
    found = np.array([_part(name) or "" for name in names])
    if unknown := sorted({name for name in names if not _part(name)}):
        raise ValueError(f"the column {PART} has values that are no part: {illegal(unknown[0], list(NAMES))}")
    parts = {split: np.flatnonzero(found == split) for split in dict.fromkeys(NAMES.values())}
    if not len(parts["train"]):
        raise ValueError("the data has no part for training: name one of its files train")
    return Table(rows, {split: rows for split, rows in parts.items() if len(rows)}, fingerprint)


def _from_datasets(name: str) -> Table:
    if problem := missing(["datasets"]):
        raise ValueError(f"data: {name!r} is no file or folder here, and to load it by name {problem}")
    import datasets

    try:
        given = datasets.load_dataset(name)
    except Exception as error:  # the library's errors have no common base
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ValueError(f"data: {name!r} is no file or folder here, and datasets cannot load it: {said}") from error
    tables = {str(part): given[part].to_pandas() for part in given if _part(str(part))}
    return _joined(tables, digest({str(part): given[part]._fingerprint for part in given}))
