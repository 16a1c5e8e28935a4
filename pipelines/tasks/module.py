"""The module of a person's task: found as they would find it, and imported without a trace in this process."""

from __future__ import annotations

import os
import re
import signal
import sys
import sysconfig
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from pipelines.tasks.fault import FAULTS, place, told
from pipelines.tasks.sources import OURS, import_current
from spaces import InputError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def import_module(name: str, use: str) -> ModuleType:
    """The module called `name`; the current folder counts as a place to import from.

    Args:
        name: Its full name.
        use: How the sweep's file calls the task, for messages.

    Raises:
        InputError: it cannot be imported, or does what would disturb a command or a worker.
    """
    make_importable(Path.cwd())
    try:
        with undisturbed(name):
            return import_current(name)
    except InputError:
        raise
    except ImportError as error:
        words = f"cannot import {name!r} of {use!r}: {error}{clash(error)}{_elsewhere(name, error)}"
        raise InputError.at("task.use", words) from error
    except SystemExit as error:
        advice = 'keep what is meant for the command line under if __name__ == "__main__"'
        line = place(error)
        where = f" ({line})" if line else ""
        raise InputError.at(
            "task.use", f"{name!r} ends the program with sys.exit({error.code!r}) while it is imported{where}; {advice}"
        ) from error
    except FAULTS as error:
        raise InputError.at("task.use", f"{name!r} raised {told(error)}{clash(error)}{_encoding(error)}") from error


def _encoding(error: BaseException) -> str:
    """Return what to do if `error` comes of a source in another encoding than Python expects; else empty."""
    if isinstance(error, SyntaxError) and ("'utf-8' codec" in str(error) or "null bytes" in str(error)):
        return "; save the file in UTF-8, or name its encoding in the first line: # -*- coding: latin-1 -*-"
    return ""


def _elsewhere(name: str, error: ImportError) -> str:
    """Return what to do if `error` is that the module called `name` itself is not found from here; else empty."""
    if isinstance(error, ModuleNotFoundError) and error.name == name.partition(".")[0]:
        return "; start the command in the folder where it lies, or add that folder to PYTHONPATH"
    return ""


def make_importable(folder: Path) -> None:
    """Put `folder` on the path: before installed packages, and after Python's own modules, which it cannot hide.

    A console script does not have the current folder on the path; ``python -m`` does, as its first.
    """
    if str(folder) in sys.path:
        return
    own = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    own |= {os.path.join(entry, "lib-dynload") for entry in own}
    last = max((index for index, entry in enumerate(sys.path) if entry in own), default=len(sys.path) - 1)
    sys.path.insert(last + 1, str(folder))


@contextmanager
def undisturbed(name: str) -> Iterator[None]:
    """Run the code of the module called `name`; what it switches in the whole process is as before afterwards.

    That are the command line's arguments, which are none of its own, streams, warnings, signals, gradients.

    Raises:
        InputError: it has changed the current folder.
    """
    kept = sys.argv, sys.stdout, sys.stderr, sys.getrecursionlimit(), Path.cwd()
    handlers = [(number, signal.getsignal(number)) for number in SIGNALS]
    sys.argv = [f"{name.replace('.', '/')}.py"]
    try:
        with ExitStack() as stack:
            for context in (warnings.catch_warnings(), torch.inference_mode(False), torch.enable_grad(), np.errstate()):
                stack.enter_context(context)
            yield
    finally:
        sys.argv, sys.stdout, sys.stderr, limit, folder = kept
        sys.setrecursionlimit(limit)
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers:
                if handler is not None:
                    signal.signal(number, handler)
        moved = Path.cwd()
        os.chdir(folder)
    if moved != folder:
        advice = "paths stand from the folder where the command is started"
        raise InputError.at("task.use", f"{name!r} changes the current folder, to {moved}: take os.chdir out; {advice}")


def clash(error: BaseException) -> str:
    """A hint, if the current folder has a module of one of our names that `error` may come from; else empty."""
    names = [
        name for name in (*sorted(OURS), *sorted(sys.stdlib_module_names)) if re.search(rf"'{name}['.]", str(error))
    ]
    name = next((name for name in names if is_module(Path.cwd() / name)), None)
    if name is None:
        return ""
    whose = "Paredown's own" if name in OURS else "Python's own"
    return f"; {name} in this folder has the name of {whose} module, which is found instead: rename it"


def is_module(path: Path) -> bool:
    """Return True if a module or package lies at `path`, which has no ending."""
    return path.with_suffix(".py").is_file() or (path.is_dir() and any(path.glob("*.py")))
