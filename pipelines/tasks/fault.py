"""A fault in a person's code, told with the line that it comes from."""

from __future__ import annotations

import inspect
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

FAULTS = (Exception, SystemExit)
"""What a person's code may raise: ``sys.exit`` in it, or a command line parsed in it, would end whoever calls it."""

LONGEST = 300
"""Longer messages, such as those of compilers, are cut."""

ROOT = Path(__file__).resolve().parents[2]
_FOREIGN = (
    *(str(ROOT / package) for package in ("spaces", "pipelines", "search")),
    *(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
)


def told(error: BaseException) -> str:
    """`error` in one line, with the line of the person's code that raised it: ``KeyError: 'test' (mine.py:12)``."""
    line = place(error)
    return f"{_message(error)} ({line})" if line else _message(error)


def place(error: BaseException) -> str:
    """The innermost line of the person's code that `error` passed, such as ``mine.py:12``; empty if there is none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_own(frame.filename)]
    return _short(frames[-1].filename, frames[-1].lineno or 0) if frames else ""


def defined(method: Callable[..., Any]) -> str:
    """`method` with the line where it is defined, such as ``batches (mine.py:7)``."""
    code = getattr(inspect.unwrap(method), "__code__", None)
    name = str(getattr(method, "__name__", method))
    return f"{name} ({_short(code.co_filename, code.co_firstlineno)})" if code and is_own(code.co_filename) else name


def own_part(error: BaseException) -> TracebackType | None:
    """The traceback of `error` from the first line of the person's code on; all of it if none of theirs is in it."""
    for trace in _links(error.__traceback__):
        if is_own(trace.tb_frame.f_code.co_filename):
            return trace
    return error.__traceback__


def is_own(file: str) -> bool:
    """Return True if `file` is a person's, and neither Paredown's nor of Python or an installed package."""
    path = str(Path(file).resolve()) if not file.startswith("<") else file
    return not path.startswith(("<frozen", *_FOREIGN))


def _links(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace:
        yield trace
        trace = trace.tb_next


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it ends the program with sys.exit({error.code!r})"
    words = " ".join(str(error).split())
    if len(words) > LONGEST:
        words = words[:LONGEST] + "…"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _short(file: str, line: int) -> str:
    path = Path(file)
    return f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}:{line}"
