"""Workers: the actors of Ray Tune that do the work of trials."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import ray
import torch
from ray import tune

from pipelines.redaction import hide
from pipelines.waiting import say_with
from search.config.sections import ClusterSection
from search.errors import FullDiskError, SweepError, is_full
from search.execution.base import Base, Settled, cannot_write
from search.execution.gpu_memory import free_gpu_memory
from search.execution.last_words import last_words
from search.execution.outbox import OwnOutbox
from search.execution.refused_nodes import selector
from search.execution.rung_runner import RungRunner
from search.execution.study_searcher import CROWDED, ENDS, REFUSED, RUNG
from search.execution.trial_limits import Bounded, TrialLimits
from search.execution.whereabouts import tell_whereabouts
from search.execution.work import Evaluate
from search.study.outcome import Failed


class Worker(tune.Trainable):  # type: ignore[misc]
    """One rung of a trial per step. Its actor is kept for the next trial, with torch, the data and the task loaded."""

    def setup(
        self,
        config: dict[str, Any],
        *,
        evaluate: Evaluate,
        base: Base,
        limits: TrialLimits,
        secrets: Sequence[str],
        threads: int,
        path: Sequence[str],
    ) -> None:
        """Called once in an actor's life, before its first trial.

        The person's code runs as it would run by itself: in the folder where the command was started, or in a copy of
        it, with the modules found as there.
        """
        hide(*secrets)
        sys.path.extend(entry for entry in path if entry not in sys.path)
        torch.set_num_threads(threads)
        self._limits = limits
        self._fault, self._settled = "", Settled(evaluate, OwnOutbox(base.results))
        try:
            self._settled = base.settle(evaluate)
        except SweepError as error:
            self._fault = str(error)
        say_with(self._settled.outbox.say)
        self.reset_config(config)

    def step(self) -> dict[str, Any]:
        """Run the trial up to its next rung; at the top, write its result down before anyone is told."""
        number = self.config["trial"].number
        tell_whereabouts(number)
        if self._fault:
            return {"number": number, REFUSED: (ray.get_runtime_context().get_node_id(), self._fault), "done": True}
        try:
            with last_words(self._settled.outbox.begin(number), self._bounded.killed_at):
                result = self._runner.step()
            if self.config["shares_gpu"]:
                free_gpu_memory()
                if self._bounded.lacked_gpu_memory and isinstance(result.outcome, Failed):
                    return {"number": number, CROWDED: result.outcome.reason, "done": True}
            if self._runner.is_done:
                self._settled.outbox.write(result)
        except Exception as error:
            if is_full(error):
                error = FullDiskError.of(error)
            elif isinstance(error, OSError):
                error = cannot_write(error)
            if not isinstance(error, SweepError):
                raise
            return {"number": number, ENDS: str(error), "done": True}
        self._settled.make_room()
        return {"number": result.number, RUNG: result, "done": self._runner.is_done}

    def cleanup(self) -> None:
        """Called at the end of an actor that is not killed."""
        self._settled.close()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial in the same actor."""
        self.config = new_config
        self._bounded = Bounded(self._settled.evaluate, self._limits, new_config["stages_s"])
        self._runner = RungRunner(new_config["trial"], new_config["fidelities"], self._bounded)
        return True


def resources(cluster: ClusterSection, config: Mapping[str, Any]) -> tune.PlacementGroupFactory:
    """Return what a trial takes, with a whole GPU for one that is to have no neighbours, and where it may not run."""
    gpus = cluster.gpus_per_trial if config.get("shares_gpu", True) else math.ceil(cluster.gpus_per_trial)
    bundle = {"CPU": float(cluster.cpus_per_trial), "GPU": float(gpus)}
    if cluster.memory_per_trial:
        bundle["memory"] = float(cluster.memory_per_trial)
    taken = {name: amount for name, amount in bundle.items() if amount}
    return tune.PlacementGroupFactory([taken], **selector(config.get("refused", ())))
