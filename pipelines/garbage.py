"""Python's cyclic garbage, which any thread may collect at any time."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Nothing is collected while the context is open, in any thread, unless it is asked for."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def collect() -> None:
    """Collect all garbage that there is; where another thread is at it, wait for its end first.

    `gc.collect` returns at once if another thread collects, which may go on to free objects for as long as it likes.
    """
    cycle = _Cycle()
    remains = weakref.ref(cycle)
    del cycle
    gc.collect()
    while remains() is not None:
        time.sleep(0.001)
        gc.collect()


class _Cycle:
    """Refers to itself, so that nothing but a collection frees it."""

    def __init__(self) -> None:
        self.itself = self
