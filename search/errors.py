"""Failures of a command whose input was right. Wrong input is `spaces.InputError`."""

from __future__ import annotations

import errno
import os


class SweepError(Exception):
    """The command could not do what it was asked to; the message says what to do next. Exit code 1."""


CODES = (errno.ENOSPC, errno.EDQUOT)


class FullDiskError(SweepError):
    """Something could not be written for want of room."""

    @classmethod
    def of(cls, error: BaseException) -> FullDiskError:
        """The error that tells people of `error`, if it does not say so already."""
        if isinstance(error, cls):
            return error
        return cls(
            f"the disk is full: {error}; make room (what no front needs: paredown store clean --unused), then run the "
            "same command again: nothing that was finished is lost"
        )


def is_full(error: BaseException) -> bool:
    """Return True if `error` came of a full disk; libraries that write files themselves say so in their text only."""
    return getattr(error, "errno", None) in CODES or any(os.strerror(code) in str(error) for code in CODES)
