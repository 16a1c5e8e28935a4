"""The end of the process, which a person's code may put off, but not for ever.

Python waits for threads that are no daemons, and then for what was registered with ``atexit``.
"""

from __future__ import annotations

import os
import sys
import threading
import time

LOADER = "pipelines.tasks.module"
"""The module that imports a person's."""

TELL_S, END_S = 5.0, 30.0
"""After the first time it is said what is waited for, and after the second the process is ended."""


def bound(code: int | str | None) -> None:
    """Have this process end with the exit code `code` soon after its main thread has, whatever else goes on in it.

    Where no person's code can have been run, there is nothing to watch.
    """
    if LOADER not in sys.modules:
        return
    threading.Thread(target=_bound, args=(code,), name="leaving", daemon=True).start()


def _bound(code: int | str | None) -> None:
    threading.main_thread().join()
    time.sleep(TELL_S)
    words = f"paredown: all is done but for {_last()}; the process is ended in {END_S - TELL_S:.0f} s\n"
    os.write(2, words.encode())  # whose lock nobody holds, unlike that of a stream while the interpreter ends
    time.sleep(END_S - TELL_S)
    os._exit(code if isinstance(code, int) else int(code is not None))


def _last() -> str:
    """Return what keeps the process from ending, in words."""
    ended = (threading.main_thread(), threading.current_thread())
    names = [each.name for each in threading.enumerate() if not each.daemon and each not in ended]
    return f"the thread {names[0]} of the task's code" if names else "what runs when the process ends (atexit)"
