"""Everything about the one trial that is shipped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines import Evaluator, format_of
from pipelines.meters import Measurement
from pipelines.pipeline import nodes
from search.analysis.held_out import HeldOut
from search.analysis.post_hoc import PostHoc
from search.config.sweep_config import SweepConfig
from search.selection.choice import Choice
from search.study.saved import Sweep
from search.study.trial import Trial


@dataclass(frozen=True)
class ExportBundle:
    """A chosen trial with its file and all that is known of it.

    Attributes:
        sweep: Where it was found.
        choice: The trial, and why it was chosen.
        file: Its exported file.
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

    @property
    def libraries(self) -> tuple[str, ...]:
        """The distributions that shape the file, sorted."""
        work = nodes(self.trial.recipe, self.evaluator.context)
        written_by = format_of(self.config.target.runtime).libraries
        return tuple(sorted({*written_by, *(library for stage, _, _ in work for library in stage.libraries)}))

    @property
    def is_current(self) -> bool:
        """True if this code, these libraries and this task are those that made the file: else none is rebuilt alike."""
        *_, (_, _, key) = nodes(self.trial.recipe, self.evaluator.context)
        return self.trial.model == key
