"""``paredown sensitivity``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pipelines import STEPS, Task
from pipelines.importances import IMPORTANCES
from pipelines.pipeline import network_stages, run_stages
from pipelines.pruners import PRUNERS
from pipelines.pruners.options import RATIO
from pipelines.pruners.sensitivity import Sensitivity
from pipelines.stages import AnalyseSensitivity, Stage
from pipelines.stages.distil import DISTIL
from pipelines.stages.prune import PRUNE
from pipelines.stages.sensitivity import read_by_analysis
from search.cli.output import err, out, print_json
from search.config.sweep_config import SweepConfig
from search.planning.reading import read_sweep
from search.reports.sensitivity_plot import format_problem, plot_sensitivity
from search.reports.sensitivity_report import frame
from search.reports.sensitivity_table import reasons_not_cut, sensitivity_table
from search.study.saved import sweep_evaluator
from search.study.workspace import Workspace
from search.tracking.sensitivity_run import log_sensitivity
from spaces import NONE, InputError, Problem, Recipe, illegal


def sensitivity(
    path: Path,
    overrides: Sequence[str],
    method: str,
    importance: str | None,
    ratios: str,
    student: int | None,
    csv: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """See `search.cli.app.sensitivity`."""
    problems: list[Problem] = []
    params = _pruning(method, importance, problems)
    grid = _grid(ratios, problems)
    _check_files(csv, plot, problems)
    config, task = _read(path, overrides, problems)
    recipe = _network(config, task, student)
    torch.set_num_threads(config.cluster.cpus_per_trial)
    workspace = Workspace.default()
    with _progress() as (begin, told):
        work = [*network_stages(recipe), (AnalyseSensitivity(grid, told), params)]
        evaluator = sweep_evaluator(config, workspace)
        folder, runs = run_stages(work, evaluator.context, evaluator.store, begin)
    found = Sensitivity.read(folder)
    described = {"network": recipe.label(STEPS), "method": method, "importance": str(params.get("importance", NONE))}
    title = f"{config.sweep}: sensitivity of {described['network']} to {method}, {described['importance']}"
    run = _log(config, workspace, title, found, runs[-1].key, described)
    if csv:
        frame(found).to_csv(csv, index=False)
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


def _pruning(method: str, importance: str | None, problems: list[Problem]) -> dict[str, Any]:
    """The prune step's parameters that the analysis reads: those that were given, the others' defaults."""
    if importance is not None and importance not in IMPORTANCES:
        problems.append(Problem("--importance", illegal(importance, list(IMPORTANCES))))
    if method not in PRUNERS:
        problems.append(Problem("--method", illegal(method, list(PRUNERS))))
    if problems:
        return {}
    if RATIO not in PRUNERS[method].parameters:
        problems.append(Problem("--method", f"{method} has no ratio that could differ from layer to layer"))
        return {}
    asked = {"method": method, "ratio": 0.5, **({"importance": importance} if importance else {})}
    try:
        recipe = Recipe.from_list([{PRUNE.name: asked}], STEPS)
    except InputError as error:
        problems += [Problem("--importance", problem.message) for problem in error.problems]
        return {}
    return read_by_analysis(recipe.steps[0].params)


def _grid(text: str, problems: list[Problem]) -> list[float]:
    ratios: list[float] = []
    for part in text.split(","):
        try:
            ratio = float(part)
        except ValueError:
            problems.append(Problem("--ratios", f"{part!r} is not a number; write numbers with commas: 0.25,0.5"))
            continue
        if not 0 < ratio < 1:
            problems.append(Problem("--ratios", f"{ratio:g} is out of range; legal: a number > 0 and < 1"))
        if ratio in ratios:
            problems.append(Problem("--ratios", f"{ratio:g} is given twice"))
        ratios.append(ratio)
    return ratios


def _check_files(csv: Path | None, plot: Path | None, problems: list[Problem]) -> None:
    """OnProgress before the work, which may take long."""
    for option, path in (("--csv", csv), ("--plot", plot)):
        if path and not path.parent.is_dir():
            problems.append(Problem(option, f"folder {path.parent} does not exist"))
    if plot and (message := format_problem(plot)):
        problems.append(Problem("--plot", message))


def _read(path: Path, overrides: Sequence[str], problems: list[Problem]) -> tuple[SweepConfig, Task]:
    try:
        config, task = read_sweep(path, overrides)
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    if problems:
        raise InputError(problems)
    return config, task


def _network(config: SweepConfig, task: Task, depth: int | None) -> Recipe:
    """The teacher, or the student of `depth` as the sweep would distil it: with the first value of each axis."""
    if depth is None:
        return Recipe()
    try:
        task.student(depth)
    except Exception as error:  # whatever a person's code does is told as theirs
        raise InputError.at("--student", f"student({depth}): {type(error).__name__}: {error}") from error
    values = {axis.name: axis.values[0] for axis in config.space.axes}
    return Recipe.from_params({**values, DISTIL.switch.name: depth}, (DISTIL,))


@contextmanager
def _progress() -> Iterator[tuple[Any, Any]]:
    """What is told of stages and of layers: a bar on a terminal, else a line for each layer."""
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
    try:
        return log_sensitivity(config, workspace, title, found, key, described)
    except Exception as error:
        told = f"MLflow does not have it ({type(error).__name__}: {error}); run the same command again to log it"
        err().print(told, markup=False, soft_wrap=True)
        return None
