"""Output of a person's code while a command runs: it goes to standard error, as only data goes to standard output."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TextIO, TypeVar, cast

from search.cli.standard_streams import Stream

P = ParamSpec("P")
R = TypeVar("R")

_STDOUT: list[TextIO] = []
"""Standard output while it is set apart."""


def stdout() -> TextIO:
    """Standard output, for what the command itself has to say."""
    return _STDOUT[-1] if _STDOUT else sys.stdout


def printing_to_stderr(command: Callable[P, R]) -> Callable[P, R]:
    """`command`, during which nothing but what is written to `stdout` gets to standard output."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with set_apart():
            return command(*args, **kwargs)

    return run


@contextmanager
def set_apart() -> Iterator[None]:
    """Within it whoever prints, and every process that is started, prints to standard error.

    A process's own standard output stays apart until the process ends: what a person's code has registered with
    ``atexit`` prints then.
    """
    before = sys.stdout
    before.flush()
    is_own = _is_own(before)
    stream = _moved(before) if is_own else before
    _STDOUT.append(stream)
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        stream.flush()
        _STDOUT.pop()
        if not is_own:
            sys.stdout = before


def _is_own(stream: TextIO) -> bool:
    """Return True if `stream` is the process's standard output, and not what stands for it in a test."""
    try:
        return stream.fileno() == 1
    except (OSError, ValueError, AttributeError):
        return False


def _moved(stream: TextIO) -> TextIO:
    """A stream to where `stream`, the process's standard output, went; in its place is standard error."""
    moved = os.fdopen(os.dup(1), "w", encoding=stream.encoding, errors=stream.errors)
    os.dup2(2, 1)
    return cast(TextIO, Stream(moved, told=True))
