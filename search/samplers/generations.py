"""Generations of Optuna's genetic algorithms."""

from __future__ import annotations

from collections.abc import Mapping

from optuna import Study
from optuna.samplers import BaseGASampler
from optuna.trial import TrialState

POPULATION = 20
"""Trials of a generation: a sweep has hundreds of trials, and learns from the second generation on."""


def current_generation(kind: type[BaseGASampler], study: Study) -> Mapping[str, int]:
    """The system attribute that makes a trial one of the generation of `study` that is under way.

    Without it a trial that the sampler of that `kind` has not suggested itself is never a parent: a suffix variant, a
    suggestion that was repaired, and after a restart every trial.
    """
    key = f"{kind.__name__}:generation"
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return {key: max((trial.system_attrs.get(key, 0) for trial in complete), default=0)}
