"""Addresses within the MLflow UI, relative to wherever it is served."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from search.config.sweep_config import SweepConfig
from search.study.study import read_study_id
from search.study.workspace import Workspace
from search.tracking.client import SWEEP, connect, study_runs
from search.tracking.views import TAG, view_id

TRAINING = "workflowType=machine_learning"
"""Else the UI shows what it has for language models' developers."""


@dataclass(frozen=True)
class Links:
    """Links to a sweep in the UI.

    Attributes:
        experiment: The id of the experiment.
        parent: The id of the sweep's run.
        trials: The ids of the trials' runs, by number.
        artifacts: The files that the sweep's run has.
        view: The id of the preset view of charts, or None if there is none.
    """

    experiment: str
    parent: str
    trials: Mapping[int, str] = field(default_factory=dict)
    artifacts: Collection[str] = ()
    view: str | None = None

    def sweep(self) -> str:
        """The sweep's run."""
        return self._run(self.parent)

    def artifact(self, path: str) -> str | None:
        """A file of the sweep's run, shown; None if there is no such file yet."""
        if path not in self.artifacts:
            return None
        return self._run(self.parent, f"/artifacts/{path}")

    def trial(self, number: int) -> str | None:
        """The run of a trial, or None if it has none yet."""
        return self._run(self.trials[number]) if number in self.trials else None

    def charts(self) -> str | None:
        """The preset view of charts over all trials, or None if there is none."""
        if self.view is None:
            return None
        # Any search facet in the address, such as an order, would keep the UI from applying the view.
        options = f"{TRAINING}&viewStateShareKey={self.view}&compareRunsMode=CHART"
        return f"#/experiments/{self.experiment}/runs?{options}"

    def _run(self, run_id: str, rest: str = "") -> str:
        return f"#/experiments/{self.experiment}/runs/{run_id}{rest}?{TRAINING}"


def find_links(config: SweepConfig, workspace: Workspace) -> Links | None:
    """Find the links to a sweep that was run, its trials left out; None if MLflow does not have it.

    Raises:
        MlflowException: the server does not answer.
    """
    client = connect(config, workspace)
    study_id = read_study_id(workspace.sweep(config.sweep))
    experiment = client.get_experiment_by_name(config.experiment)
    if study_id is None or experiment is None:
        return None
    parents = study_runs(client, experiment.experiment_id, study_id, f"tags.`{SWEEP}` = '{config.sweep}'")
    view = view_id(study_id)
    known = view if TAG + view in experiment.tags else None
    return Links(experiment.experiment_id, parents[0].info.run_id, view=known) if parents else None
