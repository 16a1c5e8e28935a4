"""Addresses within the MLflow UI, relative to wherever it is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Links:
    """Where a sweep is found in the UI.

    Attributes:
        experiment: The id of the experiment.
        parent: The id of the sweep's run.
        trials: The ids of the trials' runs, by number.
        view: The id of the preset view of charts, or None if there is none.
    """

    experiment: str
    parent: str
    trials: Mapping[int, str] = field(default_factory=dict)
    view: str | None = None

    def sweep(self) -> str:
        """The sweep's run."""
        return self._run(self.parent)

    def artifact(self, path: str) -> str:
        """An artifact of the sweep's run, shown."""
        return f"{self._run(self.parent)}/artifacts/{path}"

    def trial(self, number: int) -> str | None:
        """The run of a trial, or None if it has none yet."""
        return self._run(self.trials[number]) if number in self.trials else None

    def charts(self) -> str | None:
        """The preset view of charts over all trials, or None if there is none."""
        if self.view is None:
            return None
        # Any search facet in the address, such as an order, would keep the UI from applying the view.
        options = f"workflowType=machine_learning&viewStateShareKey={self.view}&compareRunsMode=CHART"
        return f"#/experiments/{self.experiment}/runs?{options}"

    def _run(self, run_id: str) -> str:
        return f"#/experiments/{self.experiment}/runs/{run_id}"
