"""The duration of one call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

Clock = Callable[[], int]
"""Nanoseconds."""

Given = TypeVar("Given")


class Timing(NamedTuple):
    """Milliseconds of one call.

    Attributes:
        own_ms: What the call itself used of the device, which other processes do not lengthen.
        wall_ms: From the call to its result, on the wall clock.
    """

    own_ms: float
    wall_ms: float


def timed_on_cpu(
    run: Callable[[Given], object],
    feed: Given,
    cpu: Clock = time.process_time_ns,
    wall: Clock = time.perf_counter_ns,
) -> Timing:
    """Time one call that computes on the CPU, by the process' own time and the wall clock.

    Args:
        run: What is called.
        feed: What it is called with.
        cpu: The process' own time.
        wall: The wall clock.
    """
    cpu_start, wall_start = cpu(), wall()  # the wall clock is the cheaper one to read: it goes within
    run(feed)
    wall_stop, cpu_stop = wall(), cpu()
    return Timing((cpu_stop - cpu_start) / 1e6, (wall_stop - wall_start) / 1e6)
