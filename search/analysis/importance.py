"""The importance of each parameter for each objective."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from search.config.objective import Objective
from search.study.distributions import chosen_params
from search.study.trial import Trial
from spaces import SearchSpace

MIN_TRIALS = 12
"""With fewer measured trials an importance would be chance."""

TOP, TOP_TRIALS = 0.1, 5
"""A parameter is important if the best tenth of the trials, or at least this many of them, differ in it from all."""


@dataclass(frozen=True)
class Importance:
    """The importance of one parameter for one objective.

    Attributes:
        objective: The objective's name.
        parameter: The parameter's name in the sweep's file.
        share: Its part of the importance of all parameters for this objective: 0 to 1, and 1 in all.
        trials: In how many measured trials the parameter applied.
    """

    objective: str
    parameter: str
    share: float
    trials: int


def importances(trials: Sequence[Trial], objectives: Sequence[Objective], space: SearchSpace) -> tuple[Importance, ...]:
    """The importances of all parameters that vary, per objective, largest first.

    A parameter that applies in some trials only is judged by these, and weighs as much as their part of the best trials
    and of all. The uncompressed teacher is left out: nothing was chosen in it. Sources: S. Watanabe, A. Bansal, F.
    Hutter, "PED-ANOVA", 2023, and its conditional form of 2026, both as computed by Optuna.

    Returns:
        Nothing if fewer than `MIN_TRIALS` trials were measured, or if no parameter varies.
    """
    measured = [trial for trial in trials if trial.state == "complete" and trial.number != 0]
    if len(measured) < MIN_TRIALS:
        return ()
    study, counts = _study(measured, objectives, space)
    evaluator = PedAnovaImportanceEvaluator(target_quantile=min(0.5, max(TOP, TOP_TRIALS / len(measured))))
    found: list[Importance] = []
    for index, objective in enumerate(objectives if counts else ()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that low values are good is known here, and rare parameters are counted
            shares = get_param_importances(study, evaluator=evaluator, target=_value_of(index))
        if all(math.isfinite(share) for share in shares.values()):
            found += [Importance(objective.name, name, share, counts[name]) for name, share in shares.items()]
    return tuple(found)


def _study(
    trials: Sequence[Trial], objectives: Sequence[Objective], space: SearchSpace
) -> tuple[optuna.Study, Mapping[str, int]]:
    """The trials as an Optuna study in memory that minimises, and how often each parameter was chosen."""
    study = optuna.create_study(directions=["minimize"] * len(objectives))
    counts: dict[str, int] = {}
    for trial in trials:
        params, distributions = chosen_params(space, trial.params)
        values = [objective.loss(trial.metrics) for objective in objectives]
        study.add_trial(optuna.trial.create_trial(values=values, params=params, distributions=distributions))
        for name in params:
            counts[name] = counts.get(name, 0) + 1
    return study, counts


def _value_of(index: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: trial.values[index]
