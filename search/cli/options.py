"""Arguments and options of commands, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The sweep's YAML file.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="SWEEP", help="The sweep's name.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("-o", "--override", metavar="KEY=VALUE", help="Replace a value of the file; may be repeated."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="METRIC<=NUMBER", help="A bound to keep (<=, >=, <, >); may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, all else elsewhere.")]
Csv = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as CSV to FILE.")]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the plot to FILE (.png, .svg, .pdf).")]
