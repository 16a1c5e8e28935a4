"""A template: a folder of files to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template as Text

from pipelines.whole_file import create_text
from spaces import InputError, Problem

SWEEP_FILE = "sweep.yaml"
"""The file of a template that is given to ``paredown run``."""


@dataclass(frozen=True)
class Template:
    """The files of a kind of project.

    Attributes:
        name: That of its folder.
        help: What it is, in one line.
    """

    name: str
    help: str

    @property
    def texts(self) -> dict[str, str]:
        """The content of each file, by name; ``$sweep`` stands for the name of the sweep."""
        folder = files(__package__) / self.name
        found = (file for file in folder.iterdir() if file.is_file())
        return {file.name: file.read_text(encoding="utf-8") for file in sorted(found, key=lambda file: file.name)}

    def write(self, folder: Path, sweep: str) -> list[Path]:
        """Write the files into `folder`, for a sweep called `sweep`.

        Returns:
            What was written.

        Raises:
            InputError: one of the files is there already, and nothing is written; or the folder cannot be written.
        """
        texts = {folder / name: Text(text).substitute(sweep=sweep) for name, text in self.texts.items()}
        if there := [path for path in texts if path.exists() or path.is_symlink()]:
            told = "is there already and is left as it is; name another folder"
            raise InputError([Problem(str(path), told) for path in there])
        try:
            for path, text in texts.items():
                create_text(path, text)
        except OSError as error:
            raise InputError.at(str(folder), f"cannot be written: {error.strerror}; name another folder") from error
        return list(texts)
