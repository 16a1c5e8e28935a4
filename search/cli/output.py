"""Consoles of the commands: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console


def out() -> Console:
    """Standard output, for what was asked for."""
    return Console(soft_wrap=False, highlight=False, emoji=False, width=None if sys.stdout.isatty() else 140)


def err() -> Console:
    """Standard error, for progress and remarks."""
    return Console(stderr=True, highlight=False, emoji=False)


def print_json(data: Any) -> None:
    """`data` as one JSON document on standard output."""
    print(json.dumps(data, indent=2, ensure_ascii=False))
