"""The lineage of models: the files of a front that are logged as models, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines import Store, Target, format_of
from search.config.sweep_config import SweepConfig
from search.selection.recommended import recommended_picks
from search.study.state import SweepState
from search.study.trial import Trial

MODELS, MODELS_MB = 30, 1000.0
"""So many files of a front are logged as models at most, of so many megabytes together; a pick logs any other."""


def front_models(config: SweepConfig, state: SweepState, store: Store) -> Iterator[tuple[Trial, Path]]:
    """The members of the front whose files become models: the ready picks, then members from all along the front.

    Members whose file the store has lost are passed over.
    """
    picks = (each.trial for each in recommended_picks(config, state))
    wanted = {trial.number: trial for trial in (*picks, *state.front.thinned(MODELS).members)}
    left_mb = MODELS_MB
    for trial in list(wanted.values())[:MODELS]:
        file = stored_file(trial, store, config.targets.first)
        if file and (size_mb := file.stat().st_size / 1e6) <= left_mb:
            left_mb -= size_mb
            yield trial, file


def stored_file(trial: Trial, store: Store, target: Target) -> Path | None:
    """The file of `trial`, exported for `target`, undamaged, or None if the store has lost it."""
    folder = store.get(trial.model) if trial.model else None
    return folder / format_of(target.runtime).file if folder else None


def lineage(config: SweepConfig, trial: Trial) -> dict[str, str]:
    """The tags of a model that say where it comes from."""
    return {
        "paredown.sweep": config.sweep,
        "paredown.trial": str(trial.number),
        "recipe": trial.label,
        "recipe.digest": trial.recipe.digest,
        "task": config.task.use,
        "seed": str(config.search.seed),
        "target": str(config.targets),
    }
