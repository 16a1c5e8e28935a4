"""The command line. Each command lives in a file of its own and is imported when it is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import Config, Json, Name, Overrides, Where
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


@app.command(epilog="Example: paredown validate configs/digits.yaml -o search.trials=20")
def validate(config: Config, override: Overrides = None, json: Json = False) -> None:
    """Read everything, report all problems at once, and show what would run."""
    from search.cli.validate import validate as command

    command(config, override or [], json)


@app.command(epilog="Example: paredown plan configs/digits.yaml -o search.trials=20")
def plan(
    config: Config,
    override: Overrides = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="First do one recipe for each kind of stage whose time is not known.")
    ] = False,
    json: Json = False,
) -> None:
    """Show how large the space is, what is ruled out and why, what recipes share, and how long it will take."""
    from search.cli.plan import plan as command

    command(config, override or [], probe, json)


@app.command(epilog="Example: paredown run configs/digits.yaml -o search.trials=20")
def run(
    config: Config,
    override: Overrides = None,
    fresh: Annotated[bool, typer.Option(help="Start over; set an earlier sweep of this name aside.")] = False,
    json: Json = False,
) -> None:
    """Run the sweep. Run it again to resume."""
    from search.cli.run import run as command

    command(config, override or [], fresh, json)


@app.command(epilog="Example: paredown status digits")
def status(
    sweep: Annotated[str | None, typer.Argument(metavar="SWEEP", help="One sweep; all of them, when absent.")] = None,
    json: Json = False,
) -> None:
    """Show what is running, done and failed (and why), and the time that shared stages saved."""
    from search.cli.status import status as command

    command(sweep, json)


@app.command(epilog="Example: paredown front digits --plot front.png")
def front(
    sweep: Annotated[
        list[str],
        typer.Argument(
            metavar="SWEEP",
            help="The sweep's name; several are compared. NAME@openvino-b8: as measured again for that target.",
            show_default=False,
        ),
    ],
    near: Annotated[bool, typer.Option("--near", help="Add the trials near the front.")] = False,
    json: Json = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as CSV to FILE.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the plot to FILE (.png, .svg, .pdf).")] = None,
) -> None:
    """Show the Pareto front, with the uncompressed teacher beside it; or several side by side."""
    from search.cli.front import front as command

    command(sweep, near, json, csv, plot)


@app.command(epilog="Example: paredown measure digits --runtime openvino --batch 8")
def measure(
    sweep: Name,
    all: Annotated[
        bool, typer.Option("--all", help="Every complete trial, not only the front and what is near.")
    ] = False,
    runtime: Annotated[str | None, typer.Option(metavar="NAME", help="Another runtime.", show_default=False)] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Another batch size.", show_default=False)] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Other threads per call.", show_default=False)] = None,
    test: Annotated[bool, typer.Option("--test", help="Open the test split for every member of the front.")] = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as CSV to FILE.")] = None,
    json: Json = False,
) -> None:
    """Measure the front's files again, side by side, here and now, for this target or another; nothing is trained."""
    from search.cli.measure import measure as command

    command(sweep, all, runtime, batch, threads, test, json, csv)


@app.command(epilog="Example: paredown confirm digits --seeds 3 --trials 12 --trials 17")
def confirm(
    sweep: Name,
    seeds: Annotated[int, typer.Option(min=1, help="Number of additional seeds.")] = 3,
    trials: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Trial to repeat, instead of the front's members; may be given several times."),
    ] = None,
    json: Json = False,
) -> None:
    """Make the front's members again from the beginning with other seeds, and show which are more than luck."""
    from search.cli.confirm import confirm as command

    command(sweep, seeds, trials or [], json)


@app.command(epilog='Example: paredown pick digits --where "accuracy>=0.97" --minimize latency_ms --export out/')
def pick(
    sweep: Name,
    where: Where = None,
    minimize: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Pick the least of METRIC.", show_default=False)
    ] = None,
    maximize: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Pick the most of METRIC.", show_default=False)
    ] = None,
    knee: Annotated[
        bool, typer.Option("--knee", help="Decide by the knee: the member nearest to the ideal (the default).")
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC=NUMBER,…",
            help="Decide by weights over the front's range (weighted Chebyshev), such as accuracy=2,latency_ms=1.",
        ),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Export the model with its manifest and card to DIR.")
    ] = None,
    register: Annotated[
        str | None, typer.Option(metavar="NAME@ALIAS", help="Register the model in MLflow under NAME@ALIAS.")
    ] = None,
    json: Json = False,
) -> None:
    """Pick one configuration of the front, say why that one, and test it on held-out data."""
    from search.cli.pick import pick as command

    command(sweep, where or [], minimize, maximize, knee, weights, export, register, json)


@app.command(epilog="Example: paredown trial configs/digits.yaml out/recipe.yaml")
def trial(
    config: Config,
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe's YAML file.", show_default=False)],
    override: Overrides = None,
    json: Json = False,
) -> None:
    """Build and measure one recipe in this process, for debugging."""
    from search.cli.trial import trial as command

    command(config, recipe, override or [], json)


@app.command(epilog="Example: paredown sensitivity configs/digits.yaml --student 2 --plot sensitivity.png")
def sensitivity(
    config: Config,
    override: Overrides = None,
    method: Annotated[str, typer.Option(help="Pruning method, a value of pruning.method.")] = "channel",
    importance: Annotated[
        str | None, typer.Option(help="Importance measure, a value of pruning.importance.", show_default="l2")
    ] = None,
    ratios: Annotated[str, typer.Option(help="Shares to prune of each layer.")] = "0.25,0.5,0.75",
    student: Annotated[
        int | None, typer.Option(metavar="DEPTH", help="Analyse this student.", show_default="the teacher")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as CSV to FILE.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the plot to FILE (.png, .svg, .pdf).")] = None,
    json: Json = False,
) -> None:
    """Cut each layer alone, and show what accuracy that costs."""
    from search.cli.sensitivity import sensitivity as command

    command(config, override or [], method, importance, ratios, student, csv, plot, json)


@app.command(epilog="Example: paredown ui digits --port 5001")
def ui(
    sweep: Annotated[
        str | None, typer.Argument(metavar="SWEEP", help="Sweep to show; the latest, when absent.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 5000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the MLflow UI on this workspace's store, also while sweeps run, and say where a sweep's charts are."""
    from search.cli.ui import ui as command

    command(sweep, host, port)


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
