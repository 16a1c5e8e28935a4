"""Failures of a command whose input was right. Wrong input is `spaces.InputError`."""

from __future__ import annotations

import errno
import os
from pathlib import Path


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


ADVICE = {
    errno.ENAMETOOLONG: "use a shorter name",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.EISDIR: "name a file",
    errno.ELOOP: "its symbolic links lead to each other",
    errno.EROFS: "name a place that can be written",
    errno.EACCES: "name a place that you may use, or ask for the permission",
    errno.EPERM: "name a place that you may use, or ask for the permission",
}


def unusable(error: OSError, workspace: Path | None) -> str:
    """Tell people why a path is of no use, and what to do.

    Args:
        error: What the system said.
        workspace: Where state is kept, if that is known.

    Returns:
        The sentence; empty if nobody but a developer can tell what `error` means.
    """
    if error.filename is None:
        if _is_current_folder_gone():
            return "the current folder no longer exists; change to one that does"
        if "usable temporary directory" in str(error):
            return f"{error.strerror}: none of them can be written; set TMPDIR to a folder that can be"
        return ""
    path, why = Path(os.fsdecode(error.filename)), error.strerror
    if workspace and (path.is_relative_to(workspace) or workspace.is_relative_to(path)):
        return f"no state can be kept in {workspace}: {path}: {why}; set PAREDOWN_HOME to a folder that can be written"
    advice = ADVICE.get(error.errno or 0)
    return f"{path}: {why}; {advice}" if advice else ""


def _is_current_folder_gone() -> bool:
    try:
        Path.cwd()
    except OSError:
        return True
    return False
