"""Annotations: what was found out after a search, written to the sweep's runs in MLflow."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlflow.entities import Metric, RunTag

from search.analysis.before_after import BeforeAfter, before_after_json, before_after_table
from search.analysis.post_hoc import PostHoc
from search.reports.report import front_page
from search.study.saved import Sweep
from search.study.study import read_study_id
from search.study.workspace import Workspace
from search.tracking.client import NUMBER, PARENT, connect, experiment_id, study_runs, tracked

P_FRONT = "p_front"


@dataclass(frozen=True)
class Annotation:
    """The additions to the runs.

    Attributes:
        metrics: Numbers for the runs of trials, by trial and name.
        tags: Words for them, by trial and name.
        files: Contents of artifacts of the parent run, by path.
    """

    metrics: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    tags: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def annotate(sweep: Sweep, workspace: Workspace, post_hoc: PostHoc, added: Annotation) -> str | None:
    """Write `added`, and the probabilities and the page that follow from `post_hoc`. Never raises.

    Returns:
        What kept MLflow from being brought up to date, or None.
    """
    try:
        _annotate(sweep, workspace, post_hoc, added)
    except Exception as error:  # what was found out is on the disk, whatever is wrong with the server
        return f"{type(error).__name__}: {error}"
    return None


def _annotate(sweep: Sweep, workspace: Workspace, post_hoc: PostHoc, added: Annotation) -> None:
    client = connect(sweep.config, workspace)
    study = read_study_id(workspace.sweep(sweep.config.sweep))
    runs = study_runs(client, experiment_id(client, sweep.config, workspace), study or "")
    parents = [run for run in runs if PARENT not in run.data.tags]
    if not parents:
        raise LookupError("the sweep has no run there; run it again to bring MLflow up to date")
    now = int(time.time() * 1000)
    for run in runs:
        if PARENT not in run.data.tags:
            continue
        number = int(run.data.tags[NUMBER])
        values = dict(added.metrics.get(number, {}))
        if post_hoc.p_front[number] or P_FRONT in run.data.metrics:
            values[P_FRONT] = post_hoc.p_front[number]
        tags = added.tags.get(number, {})
        if values or tags:
            client.log_batch(
                run.info.run_id,
                metrics=[Metric(name, value, now, 0) for name, value in values.items()],
                tags=[RunTag(name, value[:5000]) for name, value in tags.items()],
            )
    files = {"pareto.html": front_page(sweep.config, sweep.state, sweep.trials, post_hoc), **added.files}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        client.log_artifacts(parents[0].info.run_id, folder)


def before_after_annotation(sweep: Sweep, before_after: BeforeAfter) -> Annotation:
    """The annotation by which MLflow shows it: numbers on the trials' runs, the table on the parent's."""
    remeasurement = before_after.remeasurement
    targets = remeasurement.targets
    where = "" if targets == sweep.config.targets else f"{targets.slug}/"
    names = [objective.name for objective in before_after.objectives]  # the files have the others
    metrics = {
        trial.number: {tracked(f"remeasured/{where}{name}"): trial.metrics[name] for name in names}
        for trial in before_after.now
        if trial.metrics
    }
    data = json.dumps(before_after_json(before_after), indent=1, ensure_ascii=False)
    files = {
        f"measurements/{remeasurement.name}.csv": before_after_table(before_after).to_csv(index=False),
        f"measurements/{remeasurement.name}.json": data,
    }
    return Annotation(metrics, {}, files)
