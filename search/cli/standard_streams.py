"""Standard streams on which everything can be printed, whatever the command was started with."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from pipelines.redaction import redact
from search.errors import SweepError

READER_GONE = (errno.EPIPE, errno.EIO)
"""A pipe that nobody reads any more, and a terminal that was closed."""


class OutputLostError(SweepError):
    """An error: what was asked for could not be written to standard output."""


def prepare() -> None:
    """Open what is closed and make standard output and standard error take every character."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, _nowhere(number))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
        if not isinstance(stream, Stream):
            apart = _apart(stream) if name == "stderr" else stream
            setattr(sys, name, cast(TextIO, Stream(apart, told=name == "stdout")))


class Stream:
    """A stream that writes for as long as there is somebody to read, and leaves out what is known to be secret.

    A reader who goes away has read enough, as with ``| head``, and what is told meanwhile is no reason to lose what is
    being done: from then on the stream writes nowhere.

    Args:
        stream: Does the work.
        told: Whether the failure of anything else, such as a full disk, is an error.
    """

    def __init__(self, stream: TextIO, told: bool) -> None:
        self._stream, self._told = stream, told

    def write(self, text: str) -> int:
        """Write `text`.

        Raises:
            OutputLostError: it could not be written though somebody wants it.
        """
        with self._guarded():
            self._stream.write(redact(text))
        return len(text)

    def flush(self) -> None:
        """Write what has not been written yet; see `write`."""
        with self._guarded():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self._stream.fileno())
                os.close(null)
            if self._told and error.errno not in READER_GONE:
                raise OutputLostError(f"cannot write to standard output: {error.strerror}") from error


def _apart(stream: TextIO) -> TextIO:
    """Standard error through a descriptor of its own, so that what libraries write to theirs can be told from it."""
    try:
        if stream.fileno() != 2:
            return stream
        return os.fdopen(os.dup(2), "w", buffering=1, encoding=stream.encoding, errors="replace")
    except (OSError, ValueError, AttributeError):
        return stream


def _nowhere(number: int) -> TextIO:
    """A stream that reads nothing and writes nowhere; under its `number`, unless another file has taken that."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        try:
            os.fstat(number)
        except OSError:
            os.dup2(null, number)
            os.close(null)
            null = number
    return os.fdopen(null, "r" if number == 0 else "w", encoding="utf-8")
