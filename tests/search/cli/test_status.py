import json
from dataclasses import replace

import pytest
from rich.console import Console

from pipelines.measurement import Measurement
from search.cli.status import SHORT, _cells, _table, sparkline


def test_status_says_what_measuring_cost(cli_run, config, run_inline, analytic) -> None:
    def evaluate(recipe):
        return replace(analytic(recipe), seconds={"measuring": 0.25, "waiting": 0.5, "yielding": 0.25})

    run_inline(config, evaluate)
    measuring = json.loads(cli_run("status", "small", "--json")[1])["measuring"]
    assert (measuring["measuring"], measuring["waiting"], measuring["yielding"]) == (3.0, 6.0, 3.0)
    assert measuring["share"] > 0
    assert "measuring" in cli_run("status")[1]


def test_status_of_no_sweep(cli_run, workspace) -> None:
    code, out, _ = cli_run("status")
    assert code == 0
    assert "start one with: paredown run CONFIG" in out.replace("\n", " ")
    assert cli_run("status", "--json")[1].strip() == "[]"


def test_status_tells_failures_and_shared_work(cli_run, make_config, run_inline, picky) -> None:
    done = []

    def evaluate(recipe):
        if len(done) == 7:
            raise KeyboardInterrupt
        done.append(recipe)
        return picky(recipe)

    with pytest.raises(KeyboardInterrupt):
        run_inline(make_config(space={"student": {"depth": ["none", 2]}}), evaluate)
    code, out, _ = cli_run("status", "small", "--json")
    data = json.loads(out)
    assert code == 0
    assert data["complete"] + data["failed"] == 7
    assert data["failed"] == len(data["failures"]) >= 1
    assert (data["state"], data["running"], data["trials"]) == ("stopped (run it again to resume)", 0, 12)
    assert data["stages"]["reused"] == data["complete"] - 1  # all but the teacher itself reuse the teacher
    assert {failure["reason"] for failure in data["failures"]} == {"ValueError: unlucky"}
    _, out, _ = cli_run("status")
    assert "unlucky" in out
    assert "small" in out
    assert "Pareto front" not in out
    assert "Pareto front: " in cli_run("status", "small")[1]


ROW = {
    "sweep": "digits",
    "state": "stopped (run it again to resume)",
    "trials": 200,
    "budget": None,
    "complete": 120,
    "stopped": 13,
    "failed": 2,
    "running": 0,
    "front": 12,
    "hypervolume": 0.81234,
    "stages": {"computed": 120, "reused": 300, "seconds_saved": 1234.5},
    "measuring": {"share": 0.123},
}


@pytest.mark.parametrize(("rows", "width"), [(1, 80), (3, 80), (1, 140), (3, 140)])
def test_nothing_is_cut_off_whatever_the_width(console, rows, width) -> None:
    cells = _cells(ROW)
    narrow = Console(file=console.file, width=width)
    narrow.print(_table([cells] * rows, width))
    text = console.file.getvalue()
    shown = [name for name in cells if name in SHORT or rows == 1 or width == 140]
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for name in shown:
        assert name in text
        assert name == "state" or cells[name] in text
    assert ("measuring" in text) == ("measuring" in shown)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], ""),
        ([1.0], ""),
        ([2.0, 2.0], ""),
        ([0.0, 1.0], "▁█"),
        ([0.0, 0.5, 1.0], "▁▄█"),
        ([0.0] * 500 + [1.0], "▁▁▁█"),
    ],
)
def test_a_curve_in_one_line(values, shown) -> None:
    assert sparkline(values, width=4) == shown


def test_status_says_where_files_are_measured(cli_run, config, run_inline, analytic) -> None:
    run_inline(config)
    assert "where files are measured" not in cli_run("status", "small")[1]

    def noted(recipe):
        found = analytic(recipe)
        return replace(found, measurement=found.measurement | Measurement({}, notes={"latency.where": "a small board"}))

    run_inline(config, noted, fresh=True)
    assert "where files are measured: a small board" in cli_run("status", "small")[1]
    assert json.loads(cli_run("status", "small", "--json")[1])["measuring"]["where"] == "a small board"
