"""The runs of a sweep in MLflow: a parent for the sweep, a child for each trial, written to say what the study says."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from mlflow.entities import DatasetInput, Metric, Param, Run, RunTag
from mlflow.tracking import MlflowClient
from PIL import Image

from pipelines import Task
from pipelines.sensitivity_analysis import analyses
from pipelines.sensitivity_table import Sensitivity
from search.config.sweep_config import SweepConfig
from search.reports.sensitivity_report import write_files
from search.study.history import Snapshot
from search.study.saved import open_store
from search.study.state import SweepState
from search.study.trial import Trial
from search.study.workspace import Workspace
from search.suggest.budget_tracker import BudgetTracker
from search.tracking import trial_run
from search.tracking.client import NOTE, NUMBER, PARENT, PARETO, STUDY, experiment_id, study_runs
from search.tracking.exhibits import CONFIG, write_front, write_overview, write_picture
from search.tracking.lineage import front_models, lineage
from search.tracking.links import Links
from search.tracking.models import log_model, model_of
from search.tracking.note import note
from search.tracking.provenance import provenance
from search.tracking.views import put_view

Status = Literal["FINISHED", "FAILED", "KILLED", "RUNNING"]

ENDED: Mapping[str, Status] = {"complete": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
"""The status of a trial's run by how the trial has ended."""

STEPS_AT_ONCE = 150
"""Six metrics for each step, and MLflow takes a thousand at once."""

PICTURES = 20
"""How many pictures of the growing front a sweep gets at most, and a last one."""


class Projection:
    """The sweep's runs in MLflow, and what is known to stand in them."""

    def __init__(
        self,
        client: MlflowClient,
        config: SweepConfig,
        parent: Run,
        children: Iterable[Run],
        data: DatasetInput | None,
    ) -> None:
        self._client, self._config, self._parent, self._data = client, config, parent, data
        self._experiment: str = parent.info.experiment_id
        self._runs: dict[int, str] = {}
        self._written: dict[int, str] = {}
        self._killed: set[int] = set()
        self._pareto: set[int] = set()
        self._analyses: set[str] = set()
        for run in children:
            number = int(run.data.tags[NUMBER])
            if number in self._runs:  # a creation that was answered too late and tried again
                client.delete_run(run.info.run_id)
                continue
            self._runs[number] = run.info.run_id
            if run.data.tags.get(PARETO) == "true":
                self._pareto.add(number)
            if run.info.status in ENDED.values() and trial_run.RESULT in run.data.tags:
                self._written[number] = run.data.tags[trial_run.RESULT]
            elif run.info.status == "KILLED":  # by an interruption: a trial that was stopped has a result
                self._killed.add(number)
        self._artifacts = {entry.path for entry in client.list_artifacts(parent.info.run_id)}
        self._looked_at = 0
        self._steps = {m.step for m in client.get_metric_history(parent.info.run_id, "trials_finished")}
        pictures = client.list_artifacts(parent.info.run_id, "images") if "images" in self._artifacts else ()
        drawn = [int(found[1]) for picture in pictures if (found := re.search(r"\+step\+(\d+)\+", picture.path))]
        self._pictured: tuple[int, Sequence[Trial]] = (max(drawn, default=0), ())
        self._view = put_view(client, config, self._experiment, parent.data.tags[STUDY], int(time.time() * 1000))

    @classmethod
    def open(
        cls,
        client: MlflowClient,
        config: SweepConfig,
        workspace: Workspace,
        study_id: str,
        data: DatasetInput | None = None,
    ) -> Projection:
        """Find the runs of the study, or make the parent.

        Args:
            client: Where.
            config: The sweep.
            workspace: Where artifacts of the embedded store go.
            study_id: Marks the sweep's runs.
            data: The data set that runs have as their input.
        """
        experiment = experiment_id(client, config, workspace)
        runs = study_runs(client, experiment, study_id)
        parent = next((run for run in runs if PARENT not in run.data.tags), None)
        if parent is None:
            tags = {STUDY: study_id, "mlflow.runName": config.sweep}
            parent = client.create_run(experiment, tags=tags, run_name=config.sweep)
            if data:
                client.log_inputs(parent.info.run_id, [data])
        client.update_run(parent.info.run_id, status="RUNNING")
        client.log_text(parent.info.run_id, config.dump(), CONFIG)
        client.log_batch(parent.info.run_id, tags=[RunTag(*item) for item in provenance(config).items()])
        return cls(client, config, parent, [run for run in runs if PARENT in run.data.tags], data)

    @property
    def links(self) -> Links:
        """The links to the sweep in the UI."""
        return Links(self._experiment, self._parent.info.run_id, self._runs, self._artifacts, self._view)

    def put_trial(self, trial: Trial) -> None:
        """Make the trial's run say what the trial says."""
        number, result = trial.number, trial.result
        if number not in self._runs:
            self._create(trial)
        elif number in self._killed:
            self._client.update_run(self._runs[number], status="RUNNING")
            self._killed.discard(number)
        said = trial_run.result_digest(trial)
        if result is None or self._written.get(number) == said:
            return
        now = int(result.finished * 1000)
        self._client.log_batch(
            self._runs[number],
            metrics=[
                *(Metric(name, value, now, 0) for name, value in trial_run.metrics(trial, self._config).items()),
                *(Metric(name, value, int(at * 1000), step) for name, step, at, value in trial_run.usage(trial)),
            ],
            params=[Param(*item) for item in trial_run.params(trial, self._config).items()],
            tags=[RunTag(*item) for item in trial_run.tags(trial).items()],
        )
        if trial.failure and trial.failure.details:
            self._client.log_text(self._runs[number], trial.failure.details, "traceback.txt")
        self._client.set_terminated(self._runs[number], ENDED[trial.state], now)
        self._written[number] = said

    def _create(self, trial: Trial) -> None:
        tags = {
            PARENT: self._parent.info.run_id,
            STUDY: self._parent.data.tags[STUDY],
            NUMBER: str(trial.number),
            **trial_run.first_tags(trial),
        }
        start_ms = int(trial.started * 1000)
        run = self._client.create_run(self._experiment, start_time=start_ms, tags=tags, run_name=trial.label)
        self._runs[trial.number] = run.info.run_id
        if self._data:
            self._client.log_inputs(run.info.run_id, [self._data])

    def put_analyses(self, trial: Trial, workspace: Workspace) -> None:
        """Put the sensitivity analyses that the trial's work rests on beside the front, each once."""
        for stage in analyses(trial.result.stages) if trial.result else ():
            if stage.key in self._analyses:
                continue
            if entry := open_store(self._config, workspace).get(stage.key):
                with tempfile.TemporaryDirectory() as folder:
                    title = f"{self._config.sweep}: sensitivity, from trial {trial.number} ({trial.label})"
                    write_files(title, Sensitivity.read(entry), Path(folder))
                    self._client.log_artifacts(self._parent.info.run_id, folder, f"sensitivity/{stage.key[:8]}")
            self._analyses.add(stage.key)

    def put_pareto(self, state: SweepState) -> None:
        """Tag and colour the front's members."""
        members = {trial.number for trial in state.front.members}
        for number in sorted(members ^ self._pareto):
            if number in self._runs:
                tags = trial_run.pareto_tags(number, number in members)
                self._client.log_batch(self._runs[number], tags=[RunTag(*item) for item in tags.items()])
                self._pareto ^= {number}

    def put_progress(self, snapshots: Mapping[int, Snapshot]) -> None:
        """Note on the parent run what each finished trial changed: one step for each, and over seconds of compute."""
        now = int(time.time() * 1000)
        new = [step for step in islice(snapshots, self._looked_at, None) if step and step not in self._steps]
        for first in range(0, len(new), STEPS_AT_ONCE):
            steps = new[first : first + STEPS_AT_ONCE]
            metrics: dict[tuple[str, int], float] = {}
            for step in steps:
                state = snapshots[step].state
                values = {
                    "hypervolume": state.hypervolume,
                    "front_size": float(len(state.front.members)),
                    "trials_finished": float(step),
                    "trials_failed": float(state.failed),
                    "trials_stopped": float(state.stopped),
                }
                metrics |= {(name, step): value for name, value in values.items()}
                metrics["hypervolume_by_compute_s", round(snapshots[step].compute_s)] = state.hypervolume
            points = [Metric(name, value, now, step) for (name, step), value in metrics.items()]
            self._client.log_batch(self._parent.info.run_id, metrics=points)
            self._steps |= set(steps)
        self._looked_at = len(snapshots)

    def put_front(self, state: SweepState, trials: Sequence[Trial], *, last: bool) -> None:
        """Write the front's table, page and picture, and the note, on the parent run."""
        run_id = self._parent.info.run_id
        every = max(1, (self._config.search.trials or state.finished) // PICTURES)
        with tempfile.TemporaryDirectory() as folder:
            write_front(Path(folder), self._config, state, trials)
            self._log(folder)
        members, (since, shown) = state.front.members, self._pictured
        if members != shown and state.finished - since >= (1 if last else every):
            with tempfile.TemporaryDirectory() as folder:
                path = write_picture(Path(folder), self._config, state, trials)
                # The UI opens at step 0, and shows nothing if there is no picture.
                step = state.finished if "images" in self._artifacts else 0
                self._client.log_image(run_id, Image.open(path), key="front", step=step)
            self._artifacts.add("images")
            self._pictured = state.finished, members
        spent = BudgetTracker(self._config, trials).progress
        self._client.set_tag(run_id, NOTE, note(self._config, state, self.links, spent))

    def put_overview(self, state: SweepState, trials: Sequence[Trial]) -> None:
        """Write the pictures of all trials on the parent run."""
        with tempfile.TemporaryDirectory() as folder:
            write_overview(Path(folder), self._config, state, trials)
            self._log(folder)

    def _log(self, folder: str) -> None:
        """Make the files of `folder` the sweep's."""
        self._client.log_artifacts(self._parent.info.run_id, folder)
        self._artifacts |= {path.name for path in Path(folder).iterdir()}

    def put_models(self, state: SweepState, workspace: Workspace, task: Task) -> None:
        """Log the files of the front's members as models on their runs, those that are not yet."""
        for trial, file in front_models(self._config, state, open_store(self._config, workspace)):
            run = self._client.get_run(self._runs[trial.number])
            if model_of(self._client, run) is None:
                log_model(self._client, run, file, task, self._config.targets.first, lineage(self._config, trial))

    def close(self, status: Status) -> None:
        """End the parent run, and the runs of trials that an interrupted sweep leaves unfinished."""
        for number in self._runs.keys() - self._written.keys():
            self._client.set_terminated(self._runs[number], "KILLED")
        self._client.set_terminated(self._parent.info.run_id, status)
