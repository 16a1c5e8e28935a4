"""The progress of preflight: what of a person's task is tried at the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_tell: Callable[[str], None] = lambda step: None  # noqa: E731
_step = ""


def at(step: str) -> None:
    """Tell that `step` begins, such as ``student(2) with example_input()``: code in it may end this process."""
    global _step
    _step = step
    _tell(step)


def latest() -> str:
    """The step that was begun last."""
    return _step


@contextmanager
def told_to(tell: Callable[[str], None]) -> Iterator[None]:
    """Within it `tell` is told of each step."""
    global _tell
    before, _tell = _tell, tell
    try:
        yield
    finally:
        _tell = before
