"""The analysis of a network's sensitivity to pruning, asked for by itself or found among a recipe's stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipelines.importances import IMPORTANCES
from pipelines.pipeline import StageRun, network_stages
from pipelines.pruners import PRUNERS
from pipelines.pruners.options import RATIO
from pipelines.pruners.sensitivity import OnProgress
from pipelines.stages import AnalyseSensitivity, Work
from pipelines.stages.distil import DISTIL
from pipelines.stages.prune import PRUNE
from pipelines.stages.sensitivity import read_by_analysis
from spaces import InputError, Params, Problem, Recipe, SearchSpace, illegal


def analysis_params(method: str | None, importance: str | None) -> Params:
    """The parameters that an analysis of pruning by `method` reads.

    Args:
        method: A value of ``pruning.method``; None for its default.
        importance: A value of ``pruning.importance``; None for its default, where the method has one.

    Raises:
        InputError: one of them is not known, or they do not go together; the places are ``method`` and ``importance``.
    """
    method = str(PRUNE.switch.default) if method is None else method
    problems: list[Problem] = []
    if importance is not None and importance not in IMPORTANCES:
        problems.append(Problem("importance", illegal(importance, list(IMPORTANCES))))
    if method not in PRUNERS:
        problems.append(Problem("method", illegal(method, list(PRUNERS))))
    if problems:
        raise InputError(problems)
    if RATIO not in PRUNERS[method].parameters:
        raise InputError.at("method", f"{method} has no ratio that could differ from layer to layer")
    asked = {"method": method, "ratio": 0.5, **({"importance": importance} if importance else {})}
    try:
        recipe = Recipe.from_list([{PRUNE.name: asked}], (PRUNE,))
    except InputError as error:
        raise InputError([Problem("importance", problem.message) for problem in error.problems]) from None
    return read_by_analysis(recipe.steps[0].params)


def student_of(space: SearchSpace, depth: int) -> Recipe:
    """The recipe of the student of `depth`, distilled with the first value of each axis of `space`."""
    values = {axis.name: axis.values[0] for axis in space.axes}
    steps = [step for step in space.steps if step.name == DISTIL.name]
    return Recipe.from_params({**values, DISTIL.switch.name: depth}, steps)


def analysis_work(network: Recipe, params: Params, ratios: Sequence[float], on_progress: OnProgress) -> list[Work]:
    """The stages that lead to the table of a network's sensitivity, which the last one leaves in its folder.

    Args:
        network: The recipe of the network; its stages that work on files are left out.
        params: From `analysis_params`.
        ratios: The ratios to cut each layer by, each above 0 and below 1.
        on_progress: Notified of progress; see `pipelines.pruners.sensitivity.analyse`.
    """
    return [*network_stages(network), (AnalyseSensitivity(ratios, on_progress), params)]


def analyses(stages: Iterable[StageRun]) -> Iterator[StageRun]:
    """Those of `stages` that left a `pipelines.sensitivity_table.Sensitivity` in their folder."""
    return (stage for stage in stages if stage.name == AnalyseSensitivity.name)
