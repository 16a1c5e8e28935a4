"""The files of a task that go with every exported model: tokenizers, labels, settings, a reader of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.tasks.hooks import OwnFiles

READER = "reader.py"
"""Has ``feed()``, which gives the inputs for what the command line names, and ``show(output)``, which prints words."""


READERS = Path(__file__).with_name("readers")

ANSWER = "answer.py"


def reader_files(name: str) -> dict[str, str]:
    """The programs that go with a model: `READER`, which is the file `name` of `readers`, and what it imports."""
    package = "pipelines.tasks.readers"
    read = (READERS / name).read_text(encoding="utf-8")
    alone = read.replace(f"from {package} import", "import").replace(f"from {package}.", "from ")
    return {READER: alone, ANSWER: (READERS / ANSWER).read_text(encoding="utf-8")}


def task_files(task: object, taken: Iterable[str] = ()) -> Mapping[str, bytes]:
    """The content of the files that go with models of `task`, by name; none if it has no ``files``.

    Args:
        task: A person's task.
        taken: Names that an export has for files of its own.

    Raises:
        ValueError: a name is not that of a file, or taken.
        OSError: a file cannot be read.
    """
    if not isinstance(task, OwnFiles):
        return {}
    found = task.files()
    for name in found:
        if Path(name).name != name or name.startswith(".") or name in {*taken}:
            raise ValueError(f"files() names {name!r}, which is no name of a file, or that of one of the export's own")
    return {name: _content(given) for name, given in found.items()}


def _content(given: str | bytes | Path) -> bytes:
    if isinstance(given, Path):
        return given.read_bytes()
    return given.encode() if isinstance(given, str) else given
