"""A timer that ends this process by SIGKILL: the kernel's, which no code of the process can ignore or keep waiting."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

CLOCK_MONOTONIC, SIGEV_SIGNAL = 1, 0


class _Event(ctypes.Structure):
    """The kernel's ``struct sigevent``, of 64 bytes."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * 48),
    )


class _Times(ctypes.Structure):
    """``struct itimerspec``."""

    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    )


class KillTimer:
    """Ends this process when its time is up, also if it is stopped or blocks signals; on Linux, elsewhere never."""

    def __init__(self) -> None:
        self._timer: ctypes.c_void_p | None = None
        self._pid = 0

    def start(self, seconds: float) -> None:
        """End this process in `seconds`, and not when it was to end before."""
        if sys.platform != "linux":
            return
        if self._pid != os.getpid():  # a forked process does not inherit it
            event, timer = _Event(signal=signal.SIGKILL, notify=SIGEV_SIGNAL), ctypes.c_void_p()
            if _libc().timer_create(CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)):
                return
            self._timer, self._pid = timer, os.getpid()
        self._set(seconds)

    def stop(self) -> None:
        """Let this process live."""
        if self._pid == os.getpid():
            self._set(0)

    def _set(self, seconds: float) -> None:
        times = _Times(0, 0, int(seconds), int(seconds % 1 * 1e9))
        _libc().timer_settime(self._timer, 0, ctypes.byref(times), None)


def _libc() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("librt.so.1")  # before version 2.34 of glibc they were in a library of their own
    except OSError:
        return ctypes.CDLL(None)
