"""MLflow as a projection of the study: written from a thread of its own, never read back as truth."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# MLflow itself would try each request for minutes, and the sweep's end waits for it; the tracker tries again by itself.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.tracking import MlflowClient

from pipelines import Store
from pipelines.sensitivity import Sensitivity
from pipelines.stages import AnalyseSensitivity
from search.config import SweepConfig
from search.report import front_csv, front_page, note
from search.sensitivity_report import write_files
from search.standing import Standing, standings
from search.trial import Trial
from search.workspace import Workspace

PARENT, NUMBER, STUDY, PARETO = "mlflow.parentRunId", "paredown.trial", "paredown.study", "pareto"
Status = Literal["FINISHED", "FAILED", "KILLED", "RUNNING"]

ARTIFACTS_EVERY_S = 5.0
"""The front's files are written no more often than this while a sweep runs."""

ENDS = ("low", "high")

STEPS_AT_ONCE = 200
"""Four metrics for each step, and MLflow takes a thousand at once."""

LOG = logging.getLogger(__name__)


def connect(config: SweepConfig, workspace: Workspace) -> MlflowClient:
    """A client of the sweep's tracking server, or of the workspace's own store, which is made if it is missing."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    # MLflow's set-up of a new database is told line by line.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(config.tracking.uri or workspace.tracking_uri)


def experiment_id(client: MlflowClient, config: SweepConfig, workspace: Workspace) -> str:
    """The id of the sweep's experiment, which is made if it is missing."""
    found = client.get_experiment_by_name(config.experiment)
    if found:
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    location = None if config.tracking.uri else (workspace.artifacts / config.experiment).as_uri()
    return str(client.create_experiment(config.experiment, artifact_location=location))


class Tracker:
    """Keeps MLflow in step with the study.

    Everything it does happens on its own thread. What fails there is tried again with the next change, at the end, and
    whenever the sweep is run again: a tracking server that is away costs the sweep nothing.

    Args:
        config: The sweep.
        workspace: Where the embedded store is.
        study_id: Marks the sweep's runs.
        trials: The trials that exist already.
        standing: Where the sweep stands.
    """

    def __init__(
        self, config: SweepConfig, workspace: Workspace, study_id: str, trials: Iterable[Trial], standing: Standing
    ) -> None:
        self._config, self._workspace, self._study_id = config, workspace, study_id
        self._trials = {trial.number: trial for trial in trials}
        self._standing = standing
        self._standings = {each.finished: each for each in standings(self._trials.values(), config)}
        self._projection: _Projection | None = None
        self._behind: set[int] = set()
        self._inbox: queue.Queue[tuple[Trial, Standing] | Status] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="mlflow-tracker", daemon=True)
        self._written_at = 0.0
        self.problem: str | None = None

    def __enter__(self) -> Tracker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close("KILLED")

    def started(self, trial: Trial, standing: Standing) -> None:
        """See `Observer.started`."""
        self._inbox.put((trial, standing))

    def finished(self, trial: Trial, standing: Standing) -> None:
        """See `Observer.finished`."""
        self._inbox.put((trial, standing))

    def close(self, status: Status) -> None:
        """Bring MLflow up to date and end the parent run with `status`; a second call does nothing."""
        if self._thread.is_alive():
            self._inbox.put(status)
            self._thread.join()

    def _work(self) -> None:
        ending: Status | None = None
        self._project(None)
        while ending is None:
            events = [self._inbox.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    events.append(self._inbox.get_nowait())
            for event in events:
                if isinstance(event, str):
                    ending = event
                else:
                    trial, self._standing = event
                    self._standings[self._standing.finished] = self._standing
                    self._trials[trial.number] = trial
                    self._behind.add(trial.number)
            self._project(ending)

    def _project(self, ending: Status | None) -> None:
        for pause_s in (0, 1, 2) if ending else (0,):
            time.sleep(pause_s)
            try:
                self._try_project(ending)
                self.problem = None
                return
            except Exception as error:  # whatever is wrong with the server is no reason to stop the sweep
                self.problem = f"{type(error).__name__}: {error}"
                self._projection = None  # what was asked for may have been done: look before it is asked for again
                LOG.debug("MLflow is behind", exc_info=True)

    def _try_project(self, ending: Status | None) -> None:
        if self._projection is None:
            client = connect(self._config, self._workspace)
            self._projection = _Projection.open(client, self._config, self._workspace, self._study_id)
            self._behind = set(self._trials)
        for number in sorted(self._behind):
            self._projection.put_trial(self._trials[number])
            self._projection.put_analyses(self._trials[number], self._workspace)
            self._behind.discard(number)
        self._projection.put_pareto(self._standing)
        self._projection.put_progress(self._standings)
        now = time.monotonic()
        if ending or now - self._written_at > ARTIFACTS_EVERY_S:
            self._projection.put_artifacts(self._standing, [self._trials[number] for number in sorted(self._trials)])
            self._written_at = now
        if ending:
            self._projection.close(ending)


class _Projection:
    """The sweep's runs in MLflow, and what is known to stand in them."""

    def __init__(self, client: MlflowClient, config: SweepConfig, parent: Run, children: Iterable[Run]) -> None:
        self._client, self._config, self._parent = client, config, parent
        self._experiment: str = parent.info.experiment_id
        self._runs: dict[int, str] = {}
        self._ended: set[int] = set()
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
            if run.info.status in ("FINISHED", "FAILED"):
                self._ended.add(number)
            if run.info.status == "KILLED":
                self._killed.add(number)
        self._steps = {m.step for m in client.get_metric_history(parent.info.run_id, "trials_finished")}

    @classmethod
    def open(cls, client: MlflowClient, config: SweepConfig, workspace: Workspace, study_id: str) -> _Projection:
        """Find the runs of the study, or make the parent."""
        experiment = experiment_id(client, config, workspace)
        runs = find_runs(client, experiment, f"tags.`{STUDY}` = '{study_id}'")
        parent = next((run for run in runs if PARENT not in run.data.tags), None)
        if parent is None:
            tags = {STUDY: study_id, "mlflow.runName": config.sweep, "paredown.sweep": config.sweep}
            parent = client.create_run(experiment, tags=tags, run_name=config.sweep)
        client.update_run(parent.info.run_id, status="RUNNING")
        client.log_text(parent.info.run_id, config.dump(), "config.yaml")
        objectives = [RunTag(f"objective.{o.name}", o.direction) for o in config.objectives]
        client.log_batch(parent.info.run_id, tags=objectives)
        return cls(client, config, parent, [run for run in runs if PARENT in run.data.tags])

    def put_trial(self, trial: Trial) -> None:
        """Make the trial's run say what the trial says."""
        number, result = trial.number, trial.result
        if number in self._ended:
            return
        if number not in self._runs:
            tags = {
                PARENT: self._parent.info.run_id,
                STUDY: self._parent.data.tags[STUDY],
                NUMBER: str(number),
                "recipe.digest": trial.recipe.digest,
                PARETO: "false",
            }
            start_ms = int(trial.started * 1000)
            run = self._client.create_run(self._experiment, start_time=start_ms, tags=tags, run_name=trial.label)
            self._runs[number] = run.info.run_id
        elif number in self._killed:
            self._client.update_run(self._runs[number], status="RUNNING")
            self._killed.discard(number)
        if result is None:
            return
        now = int(result.finished * 1000)
        values = dict(result.metrics)
        values |= {
            f"interval/{name}/{end}": x
            for name, ends in result.intervals.items()
            for end, x in zip(ENDS, ends, strict=True)
        }
        values |= {f"seconds/{stage.name}": stage.seconds for stage in result.stages}
        values |= {f"seconds/{name}": seconds for name, seconds in result.seconds.items()}
        values["seconds/trial"] = result.finished - result.started
        reused = ",".join(stage.name for stage in result.stages if stage.reused)
        tags = {"model.key": result.model, "stages.reused": reused, **result.facts}
        if result.reason:
            tags |= {"failure": result.reason, "mlflow.note.content": f"Failed: {result.reason}"}
        self._client.log_batch(
            self._runs[number],
            metrics=[Metric(name, value, now, 0) for name, value in values.items()],
            params=[Param(f"{s.name}.{key}", str(value)) for s in trial.recipe.steps for key, value in s.items],
            tags=[RunTag(name, value[:5000]) for name, value in tags.items()],
        )
        if result.details:
            self._client.log_text(self._runs[number], result.details, "traceback.txt")
        status = "FAILED" if trial.state == "failed" else "FINISHED"
        self._client.set_terminated(self._runs[number], status, now)
        self._ended.add(number)

    def put_analyses(self, trial: Trial, workspace: Workspace) -> None:
        """Put the sensitivity analyses that the trial's work rests on beside the front, each once."""
        for stage in trial.result.stages if trial.result else ():
            if stage.name != AnalyseSensitivity.name or stage.key in self._analyses:
                continue
            if entry := Store(workspace.store).get(stage.key):
                with tempfile.TemporaryDirectory() as folder:
                    title = f"{self._config.sweep}: sensitivity, from trial {trial.number} ({trial.label})"
                    write_files(title, Sensitivity.read(entry), Path(folder))
                    self._client.log_artifacts(self._parent.info.run_id, folder, f"sensitivity/{stage.key[:8]}")
            self._analyses.add(stage.key)

    def put_pareto(self, standing: Standing) -> None:
        """Tag the front's members."""
        members = {trial.number for trial in standing.front.members}
        for number in sorted(members ^ self._pareto):
            if number in self._runs:
                self._client.set_tag(self._runs[number], PARETO, "true" if number in members else "false")
                self._pareto ^= {number}

    def put_progress(self, standings: Mapping[int, Standing]) -> None:
        """Note on the parent run what each finished trial changed, one step for each."""
        now = int(time.time() * 1000)
        new = sorted(standings.keys() - self._steps - {0})
        for first in range(0, len(new), STEPS_AT_ONCE):
            steps, metrics = new[first : first + STEPS_AT_ONCE], []
            for step in steps:
                values = {
                    "hypervolume": standings[step].hypervolume,
                    "front_size": float(len(standings[step].front.members)),
                    "trials_finished": float(step),
                    "trials_failed": float(standings[step].failed),
                }
                metrics += [Metric(name, value, now, step) for name, value in values.items()]
            self._client.log_batch(self._parent.info.run_id, metrics=metrics)
            self._steps |= set(steps)

    def put_artifacts(self, standing: Standing, trials: Sequence[Trial]) -> None:
        """Write the front's table and page, and the note, on the parent run."""
        run_id = self._parent.info.run_id
        with tempfile.TemporaryDirectory() as folder:
            front_csv(standing.front, Path(folder) / "front.csv")
            page = front_page(self._config, standing, trials)
            (Path(folder) / "pareto.html").write_text(page, encoding="utf-8")
            self._client.log_artifacts(run_id, folder)
        self._client.set_tag(run_id, "mlflow.note.content", note(self._config, standing))

    def close(self, status: Status) -> None:
        """End the parent run, and the runs of trials that an interrupted sweep leaves unfinished."""
        for number in self._runs.keys() - self._ended:
            self._client.set_terminated(self._runs[number], "KILLED")
        self._client.set_terminated(self._parent.info.run_id, status)


def find_runs(client: MlflowClient, experiment: str, condition: str) -> list[Run]:
    """Every run of the experiment that meets the condition."""
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment], condition, max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs
