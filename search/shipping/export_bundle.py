"""Everything about the one trial that is shipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipelines import Evaluator, Target, format_of
from pipelines.meters import Measurement
from pipelines.pipeline import nodes
from search.analysis.held_out import HeldOut
from search.analysis.post_hoc import PostHoc
from search.config.sweep_config import SweepConfig
from search.selection.choice import Choice
from search.study.saved import Sweep
from search.study.trial import Trial


@dataclass(frozen=True)
class Shipped:
    """What ships for one target.

    Attributes:
        target: The target.
        file: The exported file that it executes.
        script: The name of the program that runs it.
    """

    target: Target
    file: Path
    script: str


@dataclass(frozen=True)
class ExportBundle:
    """A chosen trial with its file and all that is known of it.

    Attributes:
        sweep: Where it was found.
        choice: The trial, and why it was chosen.
        file: Its exported file, for the first target.
        held_out: What the test split said of it.
        post_hoc: What was found out after the search.
        evaluator: Builds recipes of the sweep.
    """

    sweep: Sweep
    choice: Choice
    file: Path
    held_out: HeldOut
    post_hoc: PostHoc
    evaluator: Evaluator

    @property
    def trial(self) -> Trial:
        """The trial that is shipped."""
        return self.choice.trial

    @property
    def config(self) -> SweepConfig:
        """The sweep's configuration."""
        return self.sweep.config

    def latest(self, trial: Trial) -> Measurement:
        """The latest measurement of a trial of the sweep: of after the search, if it was measured again."""
        return self.post_hoc.remeasured(trial.number) or trial.measurement

    @cached_property
    def shipped(self) -> Mapping[str, Shipped]:
        """What ships for each target, by its name; targets that execute one format share a file."""
        own, found = format_of(self.config.targets.first.runtime), {}
        for name, target in self.config.targets:
            is_own = format_of(target.runtime) is own
            file = self.file if is_own else self.evaluator.build(self.trial.recipe, target=name).file
            found[name] = Shipped(target, file, f"run_{name}.py" if name else "run.py")
        return found

    @property
    def paths(self) -> Mapping[str, Path]:
        """The files that ship, by their names in the export."""
        return {each.file.name: each.file for each in self.shipped.values()}

    @property
    def libraries(self) -> tuple[str, ...]:
        """The distributions that shape the file, sorted."""
        work = nodes(self.trial.recipe, self.evaluator.context)
        formats = [format_of(target.runtime) for _, target in self.config.targets]
        written_by = [library for each in formats for library in each.libraries]
        return tuple(sorted({*written_by, *(library for stage, _, _ in work for library in stage.libraries)}))

    @property
    def is_current(self) -> bool:
        """True if this code, these libraries and this task are those that made the file: else none is rebuilt alike."""
        *_, (_, _, key) = nodes(self.trial.recipe, self.evaluator.context)
        return self.trial.model == key
