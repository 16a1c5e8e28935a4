import base64
import json
import zlib
from dataclasses import replace

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from search.tracking.views import TAG, comparable, encode, put_view, view_id, view_state


class Tags:
    """Takes tags, or refuses them."""

    def __init__(self, refuse: bool = False) -> None:
        self.kept, self.refuse = {}, refuse

    def set_experiment_tag(self, experiment, name, value):
        if self.refuse:
            raise MlflowException("no such tag")
        self.kept[experiment, name] = value


def decode(value: str):
    packed = json.loads(value)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_the_view_is_a_tag_of_the_experiment_that_can_be_read_back(config) -> None:
    tags = Tags()
    assert put_view(tags, config, "7", "abcdef0123456789", 5) == view_id("abcdef0123456789") == "paredown-abcdef012345"
    value = tags.kept["7", f"{TAG}paredown-abcdef012345"]
    assert decode(value) == view_state(config, "abcdef0123456789")
    assert {key: json.loads(value)[key] for key in ("name", "createdAt", "updatedAt")} == {
        "name": "small",
        "createdAt": 5,
        "updatedAt": 5,
    }


def test_its_charts_are_two_scatters_a_contour_and_parallel_coordinates(config) -> None:
    state = view_state(config, "abc")
    charts, (section,) = state["compareRunCharts"], state["compareRunSections"]
    assert [chart["type"] for chart in charts] == ["SCATTER", "SCATTER", "CONTOUR", "PARALLEL"]
    assert [(c["xaxis"]["key"], c["yaxis"]["key"]) for c in charts[:2]] == [
        ("latency_ms", "accuracy"),
        ("size_mb", "accuracy"),
    ]
    assert charts[2]["zaxis"]["key"] == "accuracy"
    assert charts[3]["selectedParams"] == ["student.depth", "pruning.method", "quantization.scheme"]
    assert len({chart["uuid"] for chart in charts}) == 4
    assert {chart["metricSectionId"] for chart in charts} == {section["uuid"]}


def test_trials_are_sorted_by_the_first_objective_best_first(config) -> None:
    assert view_state(config, "abc")["orderByKey"] == "metrics.`accuracy`"
    assert view_state(config, "abc")["orderByAsc"] is False


def test_fewer_objectives_have_fewer_charts(config) -> None:
    two, one = (replace(config, objectives=config.objectives[:count]) for count in (2, 1))
    assert [c["type"] for c in view_state(two, "a")["compareRunCharts"]] == ["SCATTER", "PARALLEL"]
    assert [c["type"] for c in view_state(one, "a")["compareRunCharts"]] == ["PARALLEL"]


def test_parallel_coordinates_show_what_every_run_has_in_one_kind(make_config) -> None:
    mixed = make_config(space={"student": {"depth": ["none", 1, 2]}})
    assert comparable(mixed) == ["pruning.method", "quantization.scheme"]


def test_it_fits_into_a_tag(config) -> None:
    assert len(encode("small", view_state(config, "a" * 32), 10**13)) < 5000


@pytest.mark.parametrize("version", ["3.16.0", "4.0.0", "2.22"])
def test_an_mlflow_that_may_not_know_the_form_gets_none(config, monkeypatch, version) -> None:
    monkeypatch.setattr(mlflow, "__version__", version)
    tags = Tags()
    assert put_view(tags, config, "7", "abc", 5) is None
    assert tags.kept == {}


def test_a_refusal_costs_the_view_only(config) -> None:
    assert put_view(Tags(refuse=True), config, "7", "abc", 5) is None
