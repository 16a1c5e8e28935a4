"""Timings of a sweep's stages and measurements, from work done before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pipelines import Evaluator
from pipelines.training.context import Context
from search.config.sweep_config import SweepConfig, load_config
from search.planning.workload import Workload
from search.study.study import read_trials
from search.study.trial import Trial
from search.study.workspace import Workspace
from search.suggest.costs import ALONE, BESIDE, Costs, Spread
from spaces import InputError


@dataclass(frozen=True)
class Timings:
    """Seconds by kind of stage, and those of measuring.

    Attributes:
        stages: By the stage's name; without those of which nothing is known.
        scaled: Stages that were only ever trained for another number of epochs, scaled by it.
        alone: What one trial measures while nothing else may run; None if that is not known.
        beside: What one trial does besides its stages while others may run; None if that is not known.
    """

    stages: Mapping[str, Spread]
    scaled: frozenset[str] = frozenset()
    alone: Spread | None = None
    beside: Spread | None = None

    @classmethod
    def of(
        cls, workload: Workload, context: Context, manifests: Iterable[Mapping[str, Any]], trials: Iterable[Trial]
    ) -> Timings:
        """The timings of `workload` that `manifests` of the store and `trials` of the same task tell.

        Only what was computed for the same task, on the same type of device, counts.
        """
        exact, scaled = Costs(), Costs()
        epochs = {kind.name: kind.epochs for kind in workload.kinds}
        for entry in manifests:
            name, seconds = entry.get("stage"), entry.get("seconds")
            same = (entry.get("task"), entry.get("device")) == (context.fingerprint, context.device.type)
            if name not in epochs or not isinstance(seconds, int | float):
                continue
            if not same and (entry.get("key") not in workload.keys or "device" in entry):
                continue  # what a key says nothing of is from before manifests told of task and device
            asked, had = epochs[name], (entry.get("settings") or {}).get("epochs", epochs[name])
            if had == asked:
                exact.add(name, seconds)
            elif asked and had:
                scaled.add(name, seconds * asked / had)
        known = {name: exact.spread(name) or scaled.spread(name) for name in epochs}
        measured = Costs(trials)
        return cls(
            {name: spread for name, spread in known.items() if spread},
            frozenset(name for name in epochs if not exact.spread(name) and scaled.spread(name)),
            measured.spread(ALONE),
            measured.spread(BESIDE),
        )

    def missing(self, workload: Workload) -> tuple[str, ...]:
        """The kinds of stages of which nothing is known."""
        return tuple(kind.name for kind in workload.kinds if kind.name not in self.stages)


def trials_like(config: SweepConfig, workspace: Workspace) -> list[Trial]:
    """The trials of all sweeps of the same task for the same targets: what measuring takes is known from them."""
    found: list[Trial] = []
    for name in workspace.sweeps():
        folder = workspace.sweep(name)
        with suppress(InputError):  # a sweep from before, whose file is no longer legal
            other = load_config(folder.config)
            if (other.task, other.targets) == (config.task, config.targets):
                found += read_trials(folder)
    return found


def stages_like(config: SweepConfig, evaluate: Evaluator) -> Mapping[str, Spread]:
    """What the stages of a sweep took before, in whatever sweep; without those of which nothing is known."""
    manifests = evaluate.store.folder.manifests()
    stored = frozenset(str(entry.get("key")) for entry in manifests)
    workload = Workload.of(config.space, evaluate.context, stored, config.search.trials or 0)
    return Timings.of(workload, evaluate.context, manifests, ()).stages
