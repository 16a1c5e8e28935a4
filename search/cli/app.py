"""The command line. Each command is declared in a file of its own, which imports what is slow to load when called."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from search.cli import (
    confirm,
    front,
    init,
    leaving,
    measure,
    pick,
    plan,
    record,
    replay,
    run,
    sensitivity,
    standard_streams,
    status,
    trial,
    ui,
    validate,
)
from search.cli.person_output import printing_to_stderr
from search.cli.store import store
from search.errors import unusable
from search.execution import interruption
from search.study.workspace import Workspace
from spaces import InputError
from spaces.errors import cut

INTERRUPTED = 130
"""The exit code that Typer makes of any interruption."""

LONGEST_USAGE = 1_000
"""Characters of what is said of wrong usage: Typer repeats what it was given, however long that is."""

RESUMES = (["run"], ["confirm"])


class Commands(TyperGroup):
    """All commands; what is told of wrong usage of one fits a screen."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """See `typer.core.TyperGroup`."""
        with _shortened():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """See `typer.core.TyperGroup`."""
        with _shortened():
            return super().invoke(ctx)


@contextmanager
def _shortened() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if type(error).__module__.startswith("typer") and isinstance(message := getattr(error, "message", None), str):
            error.message = cut(" ".join(message.split()), LONGEST_USAGE)  # type: ignore[attr-defined]
        raise


app = typer.Typer(
    cls=Commands,
    name="paredown",
    help="Pare down a network, see the whole Pareto front, ship one point of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    init,
    validate,
    plan,
    run,
    status,
    front,
    measure,
    confirm,
    pick,
    replay,
    record,
    trial,
    sensitivity,
    ui,
):
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
    Path.cwd()  # raises if it is gone, which torch does not survive


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong input, 128 + N ended by signal N."""
    standard_streams.prepare()
    interruption.listen()
    code: int | str | None = 1
    try:
        code = _run()
    except KeyboardInterrupt:
        resumes = "; run the same command to resume" if sys.argv[1:2] in RESUMES else ""
        code = _say(interruption.exit_code(), f"interrupted{resumes}")
    finally:
        interruption.stop_listening()
        leaving.bound(code)
    sys.exit(code)


def _run() -> int | str | None:
    """Do what was asked for.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: a signal has ended it.
    """
    code: int | str | None = 0
    try:
        try:
            app()
        except SystemExit as ending:  # Typer has told of wrong usage, and turns an interruption into this code
            if ending.code == INTERRUPTED:
                raise KeyboardInterrupt from None
            code = ending.code
        sys.stdout.flush()
        return code
    except InputError as error:
        return _say(2, *error.lines())
    except Exception as error:
        from pipelines import TrialFailed
        from search.errors import FullDiskError, SweepError, is_full

        if isinstance(error, (SweepError, TrialFailed)):
            return _say(1, str(error))
        if is_full(error):
            return _say(1, str(FullDiskError.of(error)))
        if isinstance(error, OSError) and (told := unusable(error, _workspace())):
            return _say(1, told)
        raise


def _workspace() -> Path | None:
    """Return where state is kept, unless even that cannot be told."""
    try:
        return Workspace.default().root
    except (OSError, InputError):
        return None


def _say(code: int, *lines: str) -> int:
    for line in lines:
        print(f"paredown: {line}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
