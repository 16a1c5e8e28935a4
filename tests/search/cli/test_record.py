import json

import pytest

from search.replay.record import Record
from search.study.saved import Sweep
from tests.search.replay.worlds import small_sweep


@pytest.fixture
def ended(config, analytic, monkeypatch) -> Sweep:
    """The small sweep, as if it lay in the workspace."""
    sweep = small_sweep(config, analytic)
    monkeypatch.setattr("search.study.saved.load_sweep", lambda name: sweep)
    return sweep


def test_a_sweep_becomes_a_file(ended, cli_run, tmp_path) -> None:
    path = tmp_path / "small.json.gz"
    code, _, err = cli_run("record", "small", str(path))
    assert code == 0
    assert f"wrote {path}: {len(ended.trials)} trials; replay it with: paredown replay {path}" in err
    assert len(Record.read(path).trials) == len(ended.trials)
    assert cli_run("record", "small", str(path))[0] == 0  # in its own place


@pytest.mark.parametrize("ending", [".json", ".json.gz"])
def test_nobody_elses_file_is_written_over(ended, cli_run, tmp_path, ending) -> None:
    path = tmp_path / f"mine{ending}"
    path.write_text(json.dumps({"mine": 1}))
    code, _, err = cli_run("record", "small", str(path))
    assert code == 2
    assert "exists and is not of Paredown's making" in err
    assert json.loads(path.read_text()) == {"mine": 1}


def test_another_ending_is_told(ended, cli_run, tmp_path) -> None:
    code, _, err = cli_run("record", "small", str(tmp_path / "small.csv"))
    assert code == 2
    assert "small.csv does not end as a record does; legal endings: .json, .json.gz" in err
