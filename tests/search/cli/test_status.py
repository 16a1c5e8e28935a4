import itertools
import json
import time
from dataclasses import replace

import pytest
from rich.console import Console

from pipelines.ledger import YIELDING, spending
from pipelines.measurement import Measurement
from search.cli.status import SHORT, _cells, _table, sparkline


def test_status_says_what_the_time_of_trials_was_spent_on(cli_run, config, run_inline, analytic, monkeypatch) -> None:
    seconds = itertools.count()
    monkeypatch.setattr("pipelines.ledger.time.perf_counter", lambda: next(seconds) / 10)

    def evaluate(recipe):
        with spending("teacher"), spending(YIELDING):
            return analytic(recipe)

    run_inline(config, evaluate)
    found = json.loads(cli_run("status", "small", "--json")[1])["seconds"]
    # The clock goes on by a tenth whenever it is read: once where each account is opened, and where it is closed.
    assert found == pytest.approx({"other": 12 * 0.2, "teacher": 12 * 0.2, "yielding": 12 * 0.1})
    _, text, _ = cli_run("status", "small")
    assert "6 s of trials: other 40.0%, teacher 40.0%, yielding 20.0%" in text
    assert "measuring" in text


def test_status_shows_what_runs_where_while_the_sweep_runs(cli_run, config, run_inline, analytic, workspace) -> None:
    node = {"node": "gpu-3", "ip": "10.0.0.3", "is_going": False, "cpus": 8, "cpus_used": 2, "gpus": 1, "gpus_used": 1}
    found = {"at": time.time(), "nodes": [{**node, "gpu_type": "H100", "trials": [{"trial": 0, "gpus": [0]}]}]}
    shown = []

    def evaluate(recipe):
        if not shown:
            workspace.sweep("small").nodes.write_text(json.dumps(found))
            shown.extend((cli_run("status", "small")[1], json.loads(cli_run("status", "--json")[1])))
        return analytic(recipe)

    run_inline(config, evaluate)
    assert "node gpu-3 (10.0.0.3): 2 of 8 CPU, 1 of 1 GPU (H100) taken; runs trial 0 on GPU 0" in shown[0]
    assert shown[1][0]["nodes"] == found
    assert "gpu-3" not in cli_run("status", "small")[1]


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
    (listed,) = json.loads(cli_run("status", "--json")[1])
    assert {key: data[key] for key in listed} == listed
    assert data.keys() - listed.keys() == {"hypervolumes", "forecast"}  # which are worked out of one sweep only
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
    "seconds": {"distil": 877.0, "measuring": 100.0, "yielding": 23.0},
    "where": "",
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


def test_status_says_where_files_are_measured(cli_run, config, run_inline, analytic) -> None:
    run_inline(config)
    assert "where files are measured" not in cli_run("status", "small")[1]

    def noted(recipe):
        found = analytic(recipe)
        return replace(found, measurement=found.measurement | Measurement({}, notes={"latency.where": "a small board"}))

    run_inline(config, noted, fresh=True)
    assert "where files are measured: a small board" in cli_run("status", "small")[1]
    assert json.loads(cli_run("status", "small", "--json")[1])["where"] == "a small board"


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
