import gc
import json
import subprocess
import sys

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend, JournalStorage

from search.errors import SweepError
from search.execution.work import run_trial
from search.samplers import SAMPLERS
from search.study.outcome import Failed
from search.study.state import SweepState
from search.study.study import Study, read_trials
from search.study.trial import Result
from tests.search.results import complete


@pytest.fixture
def play(analytic, ask):
    """Ask and tell `count` trials; the third fails."""

    def run(study: Study, count: int):
        for _ in range(count):
            trial = ask(study)
            result = run_trial(trial.number, trial.recipe, analytic)
            study.tell(Result(2, 1.0, 2.0, Failed("bad", "why")) if trial.number == 2 else result)

    return run


def test_the_teacher_comes_first_and_nothing_twice(config, folder, play) -> None:
    study = Study(config, folder)
    play(study, 8)
    assert [trial.number for trial in study.trials] == list(range(8))
    assert study.trials[0].label == "teacher"
    assert study.trials[0].recipe.steps == ()
    assert len({trial.recipe.digest for trial in study.trials}) == 8


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_was_asked_and_told_is_there_when_it_is_opened_again(make_config, folder, play, sampler, ask) -> None:
    config = make_config(search={"sampler": sampler}, constraints={"accuracy": ">= 0.9"})
    study = Study(config, folder)
    play(study, 6)
    running = ask(study)
    again = Study(config, folder)
    assert [t.result for t in again.trials] == [t.result for t in study.trials]
    assert [(t.recipe, t.params, t.label) for t in again.trials] == [
        (t.recipe, t.params, t.label) for t in study.trials
    ]
    assert again.trials[-1].state == "running"
    assert again.id == study.id
    assert again.state == SweepState.of(again.trials, config)
    assert again.state.front.members[0].result == study.state.front.members[0].result
    again.tell(Result(running.number, 1.0, 2.0, Failed("bad")))
    assert ask(again).number == 7
    assert read_trials(folder) == Study(config, folder).trials


def test_orders_are_kept(make_config, folder, play) -> None:
    space = {"order": ["distil-prune-quantize", "prune-distil-quantize"], "pruning": {"method": "channel"}}
    config = make_config(space=space)
    study = Study(config, folder)
    play(study, 30)
    again = Study(config, folder)
    assert [(t.recipe, t.params, t.label) for t in again.trials] == [
        (t.recipe, t.params, t.label) for t in study.trials
    ]
    first = {trial.recipe.steps[0].name for trial in study.trials[1:]}
    assert first == {"distil", "prune"}
    for trial in study.trials[1:]:
        assert trial.params["order"].startswith(trial.recipe.steps[0].name)
        assert config.space.recipe(trial.params) == trial.recipe
    assert not any(trial.label.startswith("ch") and "(α" not in trial.label for trial in study.trials)  # ruled out


def test_telling_twice_is_an_error(config, folder, play) -> None:
    study = Study(config, folder)
    play(study, 3)
    for number, state in ((0, "complete"), (2, "failed")):
        with pytest.raises(ValueError, match=f"trial {number} is {state} already"):
            study.tell(complete(number, 1.0, 2.0, {"accuracy": 0.1, "latency_ms": 1.0, "size_mb": 1.0}))
    assert Study(config, folder).trials[0].metrics["accuracy"] == pytest.approx(0.99)


def test_results_that_nobody_has_told_are_collected(config, folder, play, ask) -> None:
    study = Study(config, folder)
    play(study, 2)
    first, second, third = ask(study), ask(study), ask(study)
    metrics = {"accuracy": 0.5, "latency_ms": 1.0, "size_mb": 1.0}
    complete(first.number, 1.0, 2.0, metrics).write(folder.results)
    Result(third.number, 1.0, 2.0, Failed("bad")).write(folder.results)
    Result(0, 1.0, 2.0, Failed("written by a worker of a killed driver")).write(folder.results)
    again = Study(config, folder)
    assert [trial.number for trial in again.collect()] == [first.number, third.number]
    assert again.collect() == []
    assert [trial.state for trial in again.trials] == ["complete", "complete", "complete", "running", "failed"]
    assert not (folder.results / f"{first.number}.json").exists()
    assert second.number == 3


def test_a_driver_killed_while_telling_loses_nothing(make_config, folder, play, ask) -> None:
    """The result is noted in the study, but the trial's state is not changed yet."""
    config = make_config(constraints={"accuracy": ">= 0.9"})
    study = Study(config, folder)
    trial = ask(study)
    result = complete(trial.number, 1.0, 2.0, {"accuracy": 0.95, "latency_ms": 1.0, "size_mb": 1.0})
    result.write(folder.results)
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    study.tell(result)
    told = folder.journal.read_bytes().splitlines(keepends=True)
    for count in range(len(lines), len(told)):
        folder.journal.write_bytes(b"".join(told[:count]))
        result.write(folder.results)
        assert read_trials(folder)[0].state == "running"
        again = Study(config, folder)
        assert [each.number for each in again.collect()] == [trial.number]
        assert Study(config, folder).trials[0].result == result


def test_a_torn_last_line_is_mended(config, folder, play) -> None:
    study = Study(config, folder)
    play(study, 4)
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(whole + b'{"op_code":4,"worker_id"')
    assert len(read_trials(folder)) == 4
    again = Study(config, folder)
    play(again, 2)
    assert folder.journal.read_bytes().startswith(whole + b'{"op_code":')
    assert [trial.state for trial in Study(config, folder).trials] == ["complete"] * 2 + ["failed"] + ["complete"] * 3


def test_a_journal_torn_anywhere_can_be_gone_on_with(config, folder, play, ask) -> None:
    study = Study(config, folder)
    play(study, 2)
    whole = folder.journal.read_bytes()
    folder.config.unlink()  # the journal may be empty until the configuration is there
    for length in range(0, len(whole), 97):
        folder.journal.write_bytes(whole[:length])
        read_trials(folder)
        again = Study(config, folder)
        states = [trial.state for trial in again.trials]
        assert states in ([], ["running"], ["complete"], ["complete", "running"], ["complete", "complete"])
        assert ask(again).number == len(states)


@pytest.mark.parametrize(
    ("where", "how", "line"),
    [
        (3, lambda line: b"\0" * len(line), 4),
        (3, lambda line: line[: len(line) // 2], 4),
        (3, lambda line: b"\xff\xfe" + line, 4),
        (3, lambda line: b"[]", 4),
        (-1, lambda line: line[:-2], 12),
    ],
    ids=["zeros", "cut off", "other bytes", "no object", "the last line"],
)
def test_a_damaged_line_is_named(config, folder, play, where, how, line) -> None:
    play(Study(config, folder), 3)
    lines = folder.journal.read_bytes().splitlines()
    assert len(lines) == 12
    lines[where] = how(lines[where])
    damaged = b"\n".join([*lines, b""])
    folder.journal.write_bytes(damaged)
    for use in (lambda: read_trials(folder), lambda: Study(config, folder)):
        with pytest.raises(SweepError, match=rf"journal.log is damaged: line {line} is not .* start the sweep anew"):
            use()
    assert folder.journal.read_bytes() == damaged


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        (0, "the first ones are missing"),
        (2, "the first ones are missing"),
        (3, "trial 1 stands where trial 0 should"),
        (4, "'result'"),
        (6, "trial 2 stands where trial 1 should"),
    ],
    ids=["of the study", "of its name", "that begins the first trial", "of a result", "that begins a trial"],
)
def test_lines_that_are_missing_are_told(config, folder, play, missing, why) -> None:
    play(Study(config, folder), 3)
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join([*lines[:missing], *lines[missing + 1 :]]))
    for use in (lambda: read_trials(folder), lambda: Study(config, folder)):
        with pytest.raises(SweepError, match=rf"journal.log is damaged: its lines do not fit together .*{why}"):
            use()


@pytest.mark.parametrize("lose", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_journal_that_was_lost_is_no_new_sweep(config, folder, play, lose) -> None:
    play(Study(config, folder), 1)
    lose(folder.journal)
    with pytest.raises(SweepError, match=r"journal.log is missing or empty, though the sweep was begun: .* --fresh"):
        read_trials(folder)


def test_optuna_can_load_it_plainly(make_config, folder, play) -> None:
    config = make_config(constraints={"accuracy": ">= 0.9"})
    study = Study(config, folder)
    play(study, 8)
    plain = optuna.load_study(study_name="small", storage=JournalStorage(JournalFileBackend(str(folder.journal))))
    assert plain.metric_names == ["accuracy", "latency_ms", "size_mb"]
    assert [trial.number for trial in plain.trials] == list(range(8))
    assert plain.trials[2].state == optuna.trial.TrialState.FAIL
    for ours, theirs in zip(study.trials, plain.trials, strict=True):
        assert set(theirs.params) <= set(ours.params)
        if ours.state == "complete":
            assert theirs.values == [ours.metrics[name] for name in plain.metric_names]
    numbers = {trial.number for trial in plain.best_trials}
    assert numbers == {trial.number for trial in study.state.front.members}


PLAIN = """
import json, sys
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

storage = JournalStorage(JournalFileBackend(sys.argv[1]))
(summary,) = optuna.get_all_study_summaries(storage)
study = optuna.load_study(study_name=summary.study_name, storage=storage)
print(json.dumps({
    "name": study.study_name,
    "metrics": study.metric_names,
    "directions": [direction.name for direction in study.directions],
    "trials": [[trial.state.name, trial.values, trial.params, trial.user_attrs] for trial in study.trials],
    "ours": sorted(name for name in sys.modules if name in ("search", "pipelines", "spaces")),
}))
"""


def test_a_process_that_knows_optuna_alone_reads_the_journal_while_the_sweep_is_held(config, folder, play, ask) -> None:
    """What a dashboard does with the file: it sees everything and leaves the file as it was."""
    study = Study(config, folder)
    play(study, 4)
    running = ask(study)
    before = folder.journal.read_bytes()
    with folder.lock():
        command = [sys.executable, "-I", "-c", PLAIN, str(folder.journal)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    data = json.loads(done.stdout)
    assert (data["name"], data["metrics"]) == ("small", ["accuracy", "latency_ms", "size_mb"])
    assert data["directions"] == ["MAXIMIZE", "MINIMIZE", "MINIMIZE"]
    assert [state for state, *_ in data["trials"]] == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "RUNNING"]
    assert data["trials"][1][1] == [study.trials[1].metrics[name] for name in data["metrics"]]
    assert data["trials"][4][2]["student.depth"] == running.params["student.depth"]
    assert data["trials"][2][3]["result"]["outcome"]["reason"] == "bad"
    assert data["ours"] == []
    assert folder.journal.read_bytes() == before
    assert [path.name for path in folder.path.glob("journal.log*")] == ["journal.log"]


def test_reading_before_anything_was_asked(config, folder) -> None:
    folder.config.unlink()
    assert read_trials(folder) == []
    folder.journal.touch()
    assert read_trials(folder) == []


def test_a_used_up_space_is_the_end(make_config, folder, play, ask) -> None:
    space = {"student": {"depth": "none"}, "pruning": {"method": "none", "ratio": 0.5}}
    study = Study(make_config(space=space), folder)
    play(study, 2)
    assert ask(study) is None
    assert len(Study(make_config(space=space), folder).trials) == 2


def test_a_journal_that_does_not_say_who_proposed_still_loads(config, folder, play) -> None:
    play(Study(config, folder), 2)
    written = folder.journal.read_text(encoding="utf-8")
    folder.journal.write_text(written.replace('"proposed":', '"of_old":'), encoding="utf-8")
    assert '"of_old"' in folder.journal.read_text(encoding="utf-8")
    assert [trial.proposed for trial in Study(config, folder).trials] == ["baseline", "sampler"]


def test_nothing_is_collected_while_trials_are_read(config, folder, monkeypatch) -> None:
    """Among 10,000 trials that takes a third of the time."""
    Study(config, folder)
    collecting = []
    monkeypatch.setattr("search.study.study._trials", lambda study: collecting.append(gc.isenabled()) or [])
    read_trials(folder)
    assert (collecting, gc.isenabled()) == ([False], True)
