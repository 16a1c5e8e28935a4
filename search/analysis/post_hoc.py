"""Findings beyond the study's record: how sure the front is, what was measured again, what the test split said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.meters import Measurement
from search.analysis.held_out import HeldOut, held_out
from search.analysis.pareto_probability import ParetoProbability, pareto_probability
from search.analysis.remeasurement import Remeasurement, latest
from search.study.outcome import Complete
from search.study.saved import Sweep
from search.study.trial import Trial
from search.study.workspace import SweepFolder


@dataclass(frozen=True)
class PostHoc:
    """Findings about the trials of a sweep after they had ended.

    Attributes:
        p_front: How likely each trial is on the front, by its latest numbers.
        near: The trials that are not on the study's front but near it, likeliest first.
        remeasurement: The last time that the front was measured again for the sweep's own targets, if it was.
        held_out: What the test split said, by trial, where it was opened.
    """

    p_front: ParetoProbability
    near: tuple[Trial, ...]
    remeasurement: Remeasurement | None = None
    held_out: Mapping[int, HeldOut] = field(default_factory=dict)

    @classmethod
    def of(cls, sweep: Sweep, folder: SweepFolder) -> PostHoc:
        """Read what is kept in `folder` on `sweep`."""
        config = sweep.config
        remeasurement = latest(folder.measurements, config.targets)
        current = remeasurement.overlay(sweep.trials) if remeasurement else sweep.trials
        found = pareto_probability(current, config.objectives, config.constraints, seed=config.search.seed)
        near = found.near(sweep.trials, sweep.state.front)
        return cls(found, near, remeasurement, held_out(folder.held_out))

    def remeasured(self, number: int) -> Measurement | None:
        """The result of measuring a trial again, if it was and could be."""
        results = self.remeasurement.results if self.remeasurement else ()
        outcomes = (result.outcome for result in results if result.number == number)
        return next((outcome.measurement for outcome in outcomes if isinstance(outcome, Complete)), None)
