import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from pipelines import Targets
from pipelines.meters import Score
from search.analysis.held_out import HeldOut
from search.analysis.pareto_probability import ParetoProbability
from search.analysis.post_hoc import PostHoc
from search.analysis.remeasurement import Remeasurement
from search.reports.report import front_csv, front_json, front_page, table
from search.study.state import SweepState
from tests.search.results import measured

TRIALS = [
    (0, (0.9, 4.0, 2.0), "", []),
    (1, (0.8, 2.0, 1.0), "", [{"prune": {"ratio": 0.5}}]),
    (2, (0.7, 3.0, 3.0), "", [{"distil": {"depth": 1}}]),
    (3, None, "bad", [{"distil": {"depth": 2}}]),
    (4, None, "", [{"distil": {"depth": 3}}]),
]


@pytest.fixture
def trials(make_trial):
    return [make_trial(*row) for row in TRIALS]


@pytest.fixture
def state(trials, config):
    return SweepState.of(trials, config)


def embedded(page: str):
    return json.loads(re.search(r"^const data = (.*);$", page, re.MULTILINE)[1])


def test_the_page_carries_its_data_and_needs_no_network(config, state, trials) -> None:
    page = front_page(config, state, trials)
    data = embedded(page)
    assert data["sweep"] == "small"
    assert data["objectives"][0] == {"name": "accuracy", "direction": "maximize"}
    assert {trial["number"]: trial["front"] for trial in data["trials"]} == {0: True, 1: True, 2: False}
    assert data["trials"][1]["metrics"] == {"accuracy": 0.8, "latency_ms": 2.0, "size_mb": 1.0}
    assert "/*DATA*/" not in page
    assert not re.search(r"(src|href)\s*=|@import|fetch\(", page)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("label", ["</script><script>alert(1)</script>", "<!--<script>", "a & b \"c\" 'd' \\ é·\u2028"])
def test_no_label_can_break_out_of_the_pages_script(config, make_trial, label) -> None:
    trial = replace(make_trial(0, (0.9, 4.0, 2.0)), label=label)
    page = front_page(config, SweepState.of([trial], config), [trial])
    assert page.count("</script") == 1
    assert "<!--" not in page
    assert embedded(page)["trials"][0]["label"] == label


def test_the_table_has_a_row_for_each_trial(trials) -> None:
    frame = table(trials[:3])
    assert frame["trial"].tolist() == [0, 1, 2]
    assert frame["prune.ratio"].tolist()[1] == 0.5
    assert frame["accuracy"].tolist() == [0.9, 0.8, 0.7]


def test_why_a_trial_lacks_a_metric_stands_in_a_column_of_its_own(make_trial) -> None:
    trials = [make_trial(number, (0.9, 4.0, 2.0)) for number in range(2)]
    notes = {"size_zstd_mb": "not asked for", "latency.load": "quiet"}
    frame = table([measured(trials[0], notes=notes), trials[1]])
    assert frame.columns.tolist()[-4:] == ["accuracy", "latency_ms", "size_mb", "size_zstd_mb.absent"]
    assert frame["size_zstd_mb.absent"].fillna("").tolist() == ["not asked for", ""]


def test_the_csv_holds_the_front(state, tmp_path) -> None:
    front_csv(state.front, tmp_path / "front.csv")
    frame = pd.read_csv(tmp_path / "front.csv")
    assert frame["trial"].tolist() == [0, 1]
    assert frame["size_mb"].tolist() == [2.0, 1.0]


def test_the_json_holds_the_front_and_the_baseline(config, state) -> None:
    data = json.loads(json.dumps(front_json(config, state)))
    assert data["objectives"] == {"accuracy": "maximize", "latency_ms": "minimize", "size_mb": "minimize"}
    assert data["baseline"]["trial"] == 0
    assert [trial["trial"] for trial in data["front"]] == [0, 1]
    assert data["front"][1]["recipe"][0]["prune"]["ratio"] == 0.5
    assert data["hypervolume"] == state.hypervolume


def test_nothing_finished_is_no_error(config, make_trial, tmp_path) -> None:
    state = SweepState.of([make_trial(0)], config)
    assert embedded(front_page(config, state, [make_trial(0)]))["trials"] == []
    assert front_json(config, state)["baseline"] is None
    front_csv(state.front, tmp_path / "front.csv")


@pytest.fixture
def post_hoc(trials):
    """Trial 1 was measured again, 2 is near the front, and the test split is open for both members."""
    again = measured(trials[1], metrics={**trials[1].metrics, "latency_ms": 2.5}, intervals={"latency_ms": (2, 3)})
    remeasurement = Remeasurement.here(Targets(), [again.result], 10.0, 11.0)
    opened = {
        n: HeldOut(n, Score(0.9, None, 50), Score(score, (score - 0.1, score + 0.1), 50), 5.0)
        for n, score in ((0, 0.75), (1, 0.85))
    }
    return PostHoc(ParetoProbability({0: 1.0, 1: 0.6, 2: 0.4}), (trials[2],), remeasurement, opened)


def test_the_page_draws_what_is_known_besides(config, state, trials, post_hoc) -> None:
    data = embedded(front_page(config, state, trials, post_hoc))
    first, second, third = data["trials"]
    assert [trial["p"] for trial in data["trials"]] == [1.0, 0.6, 0.4]
    assert (second["metrics"]["latency_ms"], second["again"]["latency_ms"]) == (2.0, 2.5)
    assert second["intervals"] == {"latency_ms": [2, 3]}
    assert first["test"] == {"accuracy": 0.75, "interval": [0.65, 0.85]}
    assert "again" not in first
    assert "test" not in third
    assert (data["optimistic"], data["pessimistic"]) == ([1], [0])  # on test, 1 dominates 0


def test_the_test_fronts_are_drawn_only_if_every_member_was_opened(config, state, trials, post_hoc) -> None:
    partly = replace(post_hoc, held_out={1: post_hoc.held_out[1]})
    data = embedded(front_page(config, state, trials, partly))
    assert "optimistic" not in data
    assert [("test" in trial) for trial in data["trials"]] == [False, True, False]
    plain = embedded(front_page(config, state, trials))
    assert not {"optimistic", "pessimistic"} & set(plain)
    assert not {"p", "again", "test"} & {key for trial in plain["trials"] for key in trial}


def test_the_json_says_how_sure_the_front_is_and_what_is_near(config, state, post_hoc) -> None:
    data = json.loads(json.dumps(front_json(config, state, post_hoc)))
    assert [trial["p_front"] for trial in data["front"]] == [1.0, 0.6]
    assert [trial["trial"] for trial in data["near"]] == [2]
    assert data["front"][1]["remeasured"]["metrics"]["latency_ms"] == 2.5
    assert data["front"][0]["held_out"]["test"]["accuracy"] == 0.75


def test_the_table_has_the_ends_of_known_intervals(trials, tmp_path) -> None:
    unsure = measured(trials[1], intervals={"latency_ms": (1.5, 2.5)})
    frame = table([trials[0], unsure])
    assert frame["latency_ms.low"].tolist()[1:] == [1.5]
    assert frame["latency_ms.high"].isna().tolist() == [True, False]
    assert "accuracy.low" not in frame
    columns = frame.columns.tolist()
    assert columns[:3] == ["trial", "label", "recipe"]
    assert columns[-5:] == ["accuracy", "latency_ms", "size_mb", "latency_ms.low", "latency_ms.high"]
