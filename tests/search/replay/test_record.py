import gzip
import json
from dataclasses import replace

import pytest

from search.replay.record import Record, is_record
from search.replay.recorded import Recorded
from search.replay.replay import as_it_was, replay
from search.study.outcome import Failed, Stopped
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.trial import Trial
from spaces import InputError


@pytest.fixture
def varied(sweep) -> Sweep:
    """The small sweep, in which one trial has failed, one was stopped and one runs."""
    trials = list(sweep.trials)
    ends = {3: Failed("no such layer", "Traceback: /home/somebody"), 4: Stopped("too large")}
    for number, outcome in ends.items():
        trials[number] = trials[number].finish(replace(trials[number].result, outcome=outcome))
    trials[5] = replace(trials[5], result=None)
    return replace(sweep, trials=tuple(trials), state=SweepState.of(trials, sweep.config))


@pytest.mark.parametrize("name", ["small.json", "small.json.gz"])
def test_a_record_is_read_as_it_was_written(tmp_path, varied, name) -> None:
    record = Record.of(varied, {"machine": "mine"})
    assert is_record(name)
    (tmp_path / name).write_bytes(record.to_bytes(packed=name.endswith(".gz")))
    read = Record.read(tmp_path / name)
    assert [replace(trial, label="") for trial in read.trials] == list(record.trials)
    assert (read.about, read.config.raw) == (record.about, record.config.raw)
    assert read.sweep.state.hypervolume == varied.state.hypervolume
    assert [trial.state for trial in read.trials[3:6]] == ["failed", "stopped", "running"]


def test_a_sweep_is_replayed_from_its_record_as_from_its_folder(tmp_path, sweep) -> None:
    (tmp_path / "small.json").write_bytes(Record.of(sweep).to_bytes(packed=False))
    read = Record.read(tmp_path / "small.json").sweep
    assert as_it_was(read).last.hypervolume == as_it_was(sweep).last.hypervolume
    config = replace(sweep.config, search=sweep.config.search.model_copy(update={"trials": 5}))
    assert replay(Recorded(read), config, 1) == replay(Recorded(sweep), config, 1)


def test_what_only_the_own_machine_can_use_is_left_out(varied) -> None:
    started = replace(varied, trials=tuple(_later(trial) for trial in varied.trials))
    text = Record.of(started).to_bytes(packed=False).decode()
    assert "Traceback" not in text
    assert varied.trials[0].result.stages[0].key not in text
    assert json.loads(text)["trials"][0]["started"] == 0.0


def _later(trial: Trial) -> Trial:
    result = trial.result
    moved = result and replace(result, started=result.started + 1e9, finished=result.finished + 1e9)
    return replace(trial, started=trial.started + 1e9, result=moved)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"No such file or directory; write one with: paredown record SWEEP small.json.gz"),
        (b"no gzip", "it is not a record; write one with"),
        (gzip.compress(b"[1]"), "it is not a record; write one with"),
        (gzip.compress(b'{"paredown record": 9}'), "it is a record of version 9; this version reads 1"),
        (gzip.compress(b"{}")[:-12] + b"x" * 12, "it is not a record; write one with"),
        (gzip.compress(b"[" * 100_000), "it is not a record; write one with"),
        (gzip.compress(b'{"paredown record": 1}'), r"the record is damaged: KeyError\('config'\); write one with"),
    ],
    ids=["missing", "not packed", "another file", "of a later version", "damaged", "deep", "without a sweep"],
)
def test_what_is_no_record_is_told(tmp_path, content, words) -> None:
    path = tmp_path / "small.json.gz"
    if content:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        Record.read(path)
