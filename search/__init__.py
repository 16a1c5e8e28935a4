"""Searches a space of recipes: suggests and runs trials, and keeps what came of them.

The names below are what notebooks and scripts use. They are loaded when they are first asked for, so that the command
line's help answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.notebook import Front, load_front, pick, run_sweep

_NAMES = ("Front", "load_front", "pick", "run_sweep")


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from search import notebook

    value = getattr(notebook, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})


__all__ = ["Front", "load_front", "pick", "run_sweep"]
