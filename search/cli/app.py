"""The command line. Each command is declared in a file of its own, which imports what is slow to load when called."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from search.cli import confirm, front, measure, pick, plan, run, sensitivity, status, trial, ui, validate
from search.cli.person_output import printing_to_stderr
from search.cli.store import store
from search.execution import interruption
from spaces import InputError

app = typer.Typer(
    name="paredown",
    help="Pare down a network, see the whole Pareto front, ship one point of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (validate, plan, run, status, front, measure, confirm, pick, trial, sensitivity, ui):
    name = module.__name__.rpartition(".")[2]
    app.command(name, epilog=f"Example: {module.EXAMPLE}")(printing_to_stderr(getattr(module, name)))
app.add_typer(store, name="store")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"paredown {version('paredown')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong input, 130 interrupted."""
    interruption.listen()
    try:
        app()
    except InputError as error:
        sys.exit(_say(2, *map(str, error.problems)))
    except SystemExit as ending:  # Typer has told of wrong usage, and turns an interruption into this code
        if ending.code == 130:
            _say(130, "interrupted; run the same command to resume")
        raise
    except Exception as error:
        from pipelines import TrialFailed
        from search.errors import FullDiskError, SweepError, is_full

        if isinstance(error, (SweepError, TrialFailed)):
            sys.exit(_say(1, str(error)))
        if is_full(error):
            sys.exit(_say(1, str(FullDiskError.of(error))))
        raise


def _say(code: int, *lines: str) -> int:
    for line in lines:
        print(f"paredown: {line}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
