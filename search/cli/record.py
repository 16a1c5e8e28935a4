"""``paredown record``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import Name
from search.cli.output import err
from spaces import counted

EXAMPLE = "paredown record digits digits.json.gz"


def record(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The record's file: .json or .json.gz.")],
) -> None:
    """Write a sweep as one plain file: its recipes, what they measured, and the seconds of every stage.

    Neither data nor networks are in it, and none are needed to replay it: paredown replay FILE.
    """
    from search.replay.record import ENDINGS, Record, is_record
    from search.reports import own_file
    from search.study.saved import load_sweep
    from spaces import InputError

    sweep = load_sweep(name)
    if not is_record(file.name):
        raise InputError.at("FILE", f"{file.name} does not end as a record does; legal endings: {', '.join(ENDINGS)}")
    own_file.write(file, Record.of(sweep).to_bytes(packed=file.suffix == ".gz"))
    trials = counted(len(sweep.trials), "trial")
    err().print(f"wrote {file}: {trials}; replay it with: paredown replay {file}", soft_wrap=True)
