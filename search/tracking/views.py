"""A preset view of a sweep's charts in the MLflow UI: Pareto scatters, contour, parallel coordinates.

The UI keeps shared views as tags of an experiment. Their form is not documented; this is what MLflow 3.17 writes when a
person saves a view, and the tests look at the outcome in a browser. A UI that does not know the form says so and shows
its usual charts: nothing is lost by it.
"""

from __future__ import annotations

import base64
import json
import logging
import zlib
from typing import Any

import mlflow
from mlflow.tracking import MlflowClient

from search.config.sweep_config import SweepConfig
from search.tracking.client import NUMBER, PARETO, STUDY, tracked

TAG = "mlflow.sharedViewState."
KNOWN = ((3, 17), (4, 0))
"""From this version of MLflow on, up to this one, views are written."""

SECTION = "paredown"
LOG = logging.getLogger(__name__)


def put_view(client: MlflowClient, config: SweepConfig, experiment: str, study_id: str, now_ms: int) -> str | None:
    """Make the view of a sweep a tag of its experiment.

    Returns:
        The view's id for `Links`, or None if this MLflow does not take it.
    """
    release = tuple(int(part) for part in mlflow.__version__.split(".")[:2])
    if not KNOWN[0] <= release < KNOWN[1]:
        return None
    view = view_id(study_id)
    try:
        client.set_experiment_tag(experiment, TAG + view, encode(config.sweep, view_state(config, study_id), now_ms))
    except Exception:  # undocumented: whatever is wrong with it, the sweep's runs matter more
        LOG.debug("MLflow did not take the view", exc_info=True)
        return None
    return view


def view_id(study_id: str) -> str:
    """The name of the sweep's view in addresses."""
    return f"paredown-{study_id[:12]}"


def encode(name: str, state: dict[str, Any], now_ms: int) -> str:
    """The tag's value: an envelope around the compressed state."""
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()
    envelope = {"name": name, "createdAt": now_ms, "updatedAt": now_ms, "state": f"deflate;{packed}"}
    return json.dumps(envelope)


def view_state(config: SweepConfig, study_id: str) -> dict[str, Any]:
    """The state of the UI's view: this sweep's finished trials, best in the first objective first, and their charts.

    Runs are sorted by a metric, as the UI folds trials under their sweep otherwise and draws the sweep alone.
    """
    first = config.objectives[0]
    names = [tracked(objective.name) for objective in config.objectives]
    params = [axis.name for axis in config.space.axes if len(axis.values) > 1]
    columns = [*(f"metrics.`{name}`" for name in names), f"tags.`{PARETO}`", *(f"params.`{name}`" for name in params)]
    return {
        "searchFilter": f"tags.`{STUDY}` = '{study_id}' and tags.`{NUMBER}` != ''",
        "orderByKey": f"metrics.`{tracked(first.name)}`",
        "orderByAsc": first.direction == "minimize",
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": _charts(config),
        "compareRunSections": [
            {"uuid": SECTION, "name": "Pareto", "display": True, "isReordered": True, "columns": 2, "cardHeight": 330}
        ],
        "isAccordionReordered": True,  # or the UI would sort our section behind those that it makes
        "autoRefreshEnabled": True,
        "hideEmptyCharts": True,
    }


def _charts(config: SweepConfig) -> list[dict[str, Any]]:
    names = [tracked(objective.name) for objective in config.objectives]
    # The first objective against each other one: all pairs would be more than a first look takes in.
    charts = [_chart("SCATTER", name, xaxis=_axis(name), yaxis=_axis(names[0])) for name in names[1:]]
    if len(names) >= 3:
        axes = {"xaxis": _axis(names[1]), "yaxis": _axis(names[2]), "zaxis": _axis(names[0])}
        charts.append(_chart("CONTOUR", "objectives", **axes))
    if len(names) + len(comparable(config)) >= 2:
        options = {"selectedParams": comparable(config), "selectedMetrics": names, "showAllRuns": True}
        charts.append(_chart("PARALLEL", "all", **options))
    return charts


def comparable(config: SweepConfig) -> list[str]:
    """The parameters that a chart of parallel coordinates can show.

    Every run must have a value, so only the steps' switches are left; and the values must be all numbers or all words,
    as the UI drops the runs with the rarer kind.
    """
    switches = {step.switch.name for step in config.space.steps}
    axes = [axis for axis in config.space.axes if axis.name in switches and len(axis.values) > 1]
    return [axis.name for axis in axes if len({isinstance(value, str) for value in axis.values}) == 1]


def _chart(kind: str, name: str, **options: Any) -> dict[str, Any]:
    return {
        "uuid": f"{SECTION}-{kind.lower()}-{name}",
        "type": kind,
        "runsCountToCompare": 100,
        "metricSectionId": SECTION,
        "deleted": False,
        "isGenerated": False,
        **options,
    }


def _axis(name: str) -> dict[str, str]:
    return {"key": name, "type": "METRIC"}
