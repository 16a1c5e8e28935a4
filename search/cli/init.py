"""``paredown init``."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from search.cli.output import out
from search.templates import TEMPLATES
from search.templates.template import SWEEP_FILE
from spaces import InputError, illegal

EXAMPLE = "paredown init own my-project/"


def init(
    template: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE",
            help="; ".join(f"{name}: {each.help}" for name, each in TEMPLATES.items()) + ".",
            show_default=False,
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; made if it is not there.")] = Path(),
) -> None:
    """Write a commented sweep's file, and a task where one is needed, for a new project."""
    if template not in TEMPLATES:
        raise InputError.at("TEMPLATE", illegal(template, list(TEMPLATES)))
    sweep = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "sweep"
    for path in TEMPLATES[template].write(folder, sweep):
        out().print(f"wrote {path}", markup=False, soft_wrap=True)
    there = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    out().print(f"change it, then: {there}paredown validate {SWEEP_FILE}", markup=False, soft_wrap=True)
