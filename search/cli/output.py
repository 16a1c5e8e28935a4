"""Consoles of the commands: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

from search.cli.person_output import stdout


def out() -> Console:
    """Standard output, for what was asked for."""
    file = stdout()
    return Console(file=file, soft_wrap=False, highlight=False, emoji=False, width=None if file.isatty() else 140)


def err() -> Console:
    """Standard error, for progress and remarks."""
    return Console(stderr=True, highlight=False, emoji=False)


def print_json(data: Any) -> None:
    """`data` as one JSON document on standard output; in ASCII, so that no terminal's encoding loses a character."""
    print(json.dumps(data, indent=2), file=stdout())
