"""The end of a process, in words."""

from __future__ import annotations

import signal

LINES, LONGEST = 3, 300
"""Of what a process said last, so many lines, and characters, are told."""

TIMEOUT = "Timeout ("
"""With this `faulthandler` begins when it ends a process whose time is up."""

MEMORY = (
    "the kernel has killed processes for want of memory meanwhile: use a smaller batch, or let fewer trials run at once"
)


def ending(code: int) -> str:
    """Return how a process with the return code `code` ended, as `subprocess` gives it: ``signal SIGSEGV``."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def last_lines(text: str) -> str:
    """Return the end of what a process wrote, in one line; says so if that is nothing.

    Of a stack that Python wrote when it was ended by a signal, the signal and the innermost call are taken.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = next((index for index, line in enumerate(lines) if line.startswith("Fatal Python error")), None)
    if fatal is not None:
        lines = [lines[fatal], *[line for line in lines[fatal:] if line.startswith("File ")][:1]]
    said = " | ".join(lines[-LINES:])
    return (said if len(said) <= LONGEST else f"…{said[-LONGEST:]}") or "it said nothing"


def innermost(words: str) -> str:
    """Return the innermost call of the main thread in the stacks of all that `faulthandler` wrote: it comes last."""
    calls = words.rpartition("hread 0x")[2].splitlines()
    return next((line.strip() for line in calls if line.strip().startswith("File ")), "nobody knows where")
