"""``paredown sensitivity``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from search.cli.options import Config, Csv, Json, Overrides, Plot
from search.cli.output import err, out, print_json
from search.study.workspace import Workspace
from spaces import NONE, InputError, Params, Problem, Recipe, shown

if TYPE_CHECKING:
    from pipelines import Task
    from pipelines.sensitivity_table import Sensitivity
    from pipelines.stages import Stage
    from search.config.sweep_config import SweepConfig

EXAMPLE = "paredown sensitivity configs/digits.yaml --student 2 --plot sensitivity.png"


def sensitivity(
    path: Config,
    overrides: Overrides = None,
    method: Annotated[
        str | None, typer.Option(help="Pruning method, a value of pruning.method.", show_default="as in a sweep's file")
    ] = None,
    importance: Annotated[
        str | None,
        typer.Option(help="Importance measure, a value of pruning.importance.", show_default="as in a sweep's file"),
    ] = None,
    ratios: Annotated[str, typer.Option(help="Shares to prune of each layer.")] = "0.25,0.5,0.75",
    student: Annotated[
        int | None, typer.Option(metavar="DEPTH", help="Analyse this student.", show_default="the teacher")
    ] = None,
    csv: Csv = None,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Cut each layer alone, and show what accuracy that costs."""
    import torch

    from pipelines.pipeline import run_stages
    from pipelines.sensitivity_analysis import analysis_work
    from pipelines.sensitivity_table import Sensitivity
    from search.reports.own_file import file_problems
    from search.reports.report import write_csv
    from search.reports.sensitivity_plot import plot_sensitivity
    from search.reports.sensitivity_report import frame
    from search.reports.sensitivity_table import reasons_not_cut, sensitivity_table
    from search.study.saved import sweep_evaluator

    problems: list[Problem] = []
    params = _pruning(method, importance, problems)
    grid = _grid(ratios, problems)
    problems += file_problems(csv, plot)
    config, task = _read(path, overrides or (), problems)
    recipe = _network(config, task, student)
    torch.set_num_threads(config.cluster.cpus_per_trial)
    workspace = Workspace.default()
    with _progress() as (begin, told):
        work = analysis_work(recipe, params, grid, told)
        evaluator = sweep_evaluator(config, workspace)
        folder, runs = run_stages(work, evaluator.context, evaluator.store, begin)
    found = Sensitivity.read(folder)
    cut = {key: str(params.get(key, NONE)) for key in ("method", "importance")}
    described = {"network": recipe.label(config.space.steps), **cut}
    title = f"{config.sweep}: sensitivity of {described['network']} to {cut['method']}, {cut['importance']}"
    run = _log(config, workspace, title, found, runs[-1].key, described)
    if csv:
        write_csv(frame(found), csv)
        err().print(f"wrote {csv}")
    if plot:
        plot_sensitivity(title, found, plot)
        err().print(f"wrote {plot}")
    if as_json:
        print_json({"sweep": config.sweep, **described, **found.to_json(), "mlflow_run": run})
    elif not csv and not plot:
        out().print(sensitivity_table(title, found))
        for line in reasons_not_cut(found):
            out().print(line, markup=False)


def _pruning(method: str | None, importance: str | None, problems: list[Problem]) -> Params:
    """The parameters that the analysis reads, or none and the problems of the options that give them."""
    from pipelines.sensitivity_analysis import analysis_params

    try:
        return analysis_params(method, importance)
    except InputError as error:
        problems += [Problem(f"--{problem.where}", problem.message) for problem in error.problems]
        return {}


def _grid(text: str, problems: list[Problem]) -> list[float]:
    ratios: list[float] = []
    for part in text.split(","):
        try:
            ratio = float(part)
        except ValueError:
            problems.append(Problem("--ratios", f"{shown(part)} is not a number; write numbers with commas: 0.25,0.5"))
            continue
        if not 0 < ratio < 1:
            problems.append(Problem("--ratios", f"{ratio:g} is out of range; legal: a number > 0 and < 1"))
        if ratio in ratios:
            problems.append(Problem("--ratios", f"{ratio:g} is given twice"))
        ratios.append(ratio)
    return ratios


def _read(path: Path, overrides: Sequence[str], problems: list[Problem]) -> tuple[SweepConfig, Task]:
    from search.planning.reading import read_sweep

    try:
        config, task = read_sweep(path, overrides)
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    if problems:
        raise InputError(problems)
    return config, task


def _network(config: SweepConfig, task: Task, depth: int | None) -> Recipe:
    """The teacher, or the student of `depth` as the sweep would distil it: with the first value of each axis."""
    from pipelines.sensitivity_analysis import student_of
    from pipelines.stages.distil import DEPTHS, student_choice
    from pipelines.tasks.task import make_student

    if depth is None:
        return Recipe()
    if problem := DEPTHS.problem(depth):
        raise InputError.at("--student", problem)
    recipe = student_of(config.space, depth)
    chosen = student_choice(recipe.steps[0].params)
    try:
        make_student(task, depth, chosen.width, **dict(chosen.own))
    except Exception as error:  # whatever a person's code does is told as theirs
        raise InputError.at("--student", f"{chosen.call}: {type(error).__name__}: {error}") from error
    return recipe


@contextmanager
def _progress() -> Iterator[tuple[Any, Any]]:
    """Progress of stages and of layers: a bar on a terminal, else a line for each layer."""
    console = err()
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def begin(stage: Stage) -> None:
            bar.update(task, description=stage.name, total=None)

        def told(layer: str, done: int, total: int) -> None:
            bar.update(task, description=f"layer {layer}", completed=done, total=total)
            if not console.is_terminal:
                console.print(f"[{done + 1}/{total}] layer {layer}", markup=False)

        yield begin, told


def _log(
    config: SweepConfig, workspace: Workspace, title: str, found: Sensitivity, key: str, described: dict[str, str]
) -> str | None:
    """The analysis' run in MLflow; that MLflow is away is no reason to withhold the table."""
    from search.tracking.sensitivity_run import log_sensitivity

    try:
        return log_sensitivity(config, workspace, title, found, key, described)
    except Exception as error:
        told = f"MLflow does not have it ({type(error).__name__}: {error}); run the same command again to log it"
        err().print(told, markup=False, soft_wrap=True)
        return None
