"""Whole sweeps in this process whose answer is known: who has to be stopped, and who never."""

import json

import optuna
import pytest
from mlflow.tracking import MlflowClient
from optuna.storages.journal import JournalFileBackend, JournalStorage

from pipelines import Evaluation, StageRun, TrialFailed
from pipelines.meters import Measurement
from search.config.sweep_config import parse_config
from search.execution.executor import InlineExecutor
from search.stopping.halving import ETA
from search.stopping.stopping import Stopping
from search.study.front import pareto_front
from search.study.outcome import Stopped
from search.study.rung import Rung
from search.study.state import SweepState
from search.study.study import Study, read_trials
from search.study.trial import Result
from search.suggest.queue import StudyQueue
from search.tracking.client import NUMBER
from spaces import InputError
from tests.search.results import complete

SPACE = {"student": {"depth": ["none", 1]}, "distillation": {"temperature": 2}}


@pytest.fixture
def partly(analytic):
    """`analytic` with a part of its accuracy after a part of the training; remembers what it was asked for."""

    class Partly:
        def __init__(self) -> None:
            self.asked = []

        def __call__(self, recipe, fidelity=1.0) -> Evaluation:
            self.asked.append((recipe.digest, fidelity))
            whole = analytic(recipe).measurement.metrics
            key = f"{recipe.digest}@{fidelity}"
            found = Measurement({**whole, "accuracy": whole["accuracy"] * (0.1 + 0.9 * fidelity)})
            return Evaluation(found, (StageRun("prune", key, 1.0, reused=False),), key)

    return Partly()


@pytest.fixture
def search_with(workspace):
    """Run a sweep without anybody who watches."""

    def run(config, evaluate) -> Study:
        folder = workspace.sweep(config.sweep)
        study = Study(config, folder)
        InlineExecutor().run(StudyQueue(study), evaluate, folder.results)
        return study

    return run


def shares_of(trial, partly):
    return [fidelity for digest, fidelity in partly.asked if digest == trial.recipe.digest]


def is_trained(trial) -> bool:
    return any(step.name in ("distil", "prune") for step in trial.recipe.steps)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_what_breaks_a_bound_on_its_size_is_never_trained(make_config, search_with, partly, sampler) -> None:
    config = make_config(space=SPACE, constraints={"size_mb": "<= 0.8"}, search={"sampler": sampler, "trials": 30})
    sweep = search_with(config, partly)
    assert len(sweep.trials) == 24
    for trial in sweep.trials:
        size = partly_size(trial)
        stops = is_trained(trial) and size > 0.8
        assert trial.state == ("stopped" if stops else "complete"), trial.label
        expected = [0.0] if stops else [0.0, 1.0] if is_trained(trial) else [1.0]
        assert shares_of(trial, partly) == expected
        if stops:
            reason = f"before its training it breaks size_mb <= 0.8: size_mb is {size:.4g} whatever it learns"
            assert trial.outcome.reason == reason
            assert trial.metrics == {}
    assert 0 < sweep.state.stopped == sum(trial.state == "stopped" for trial in sweep.trials)
    plain = make_config(**{**config.raw, "sweep": "all", "search": {"stopping": "none", "trials": 30}})
    everything = search_with(plain, partly)
    assert front_of(sweep) == front_of(everything)
    assert everything.state.stopped == 0


def partly_size(trial) -> float:
    steps = {step.name: step.params for step in trial.recipe.steps}
    return 2 * (1 - float(steps.get("prune", {}).get("ratio", 0))) / (2 if "quantize" in steps else 1)


def front_of(sweep):
    return {trial.recipe.digest for trial in sweep.state.front.members}


def test_what_a_member_dominates_whatever_it_learns_is_never_trained(make_config, search_with, partly) -> None:
    """Accuracy is a bound here and the size is the only objective: so the structure alone decides."""
    changes = {"space": SPACE, "constraints": {"accuracy": ">= 0.93"}}
    config = with_objective("size_mb", "minimize", make_config(**changes, search={"trials": 30}))
    sweep = search_with(config, partly)
    stopped = [trial for trial in sweep.trials if trial.state == "stopped"]
    assert stopped
    best = None
    for trial in sweep.trials:
        if trial.state == "stopped":
            assert partly_size(trial) > partly_size(best)
            assert trial.outcome.reason == (
                f"before its training trial {best.number} ({best.label}) is better whatever it learns"
            )
            assert shares_of(trial, partly) == [0.0]
        else:
            assert not is_trained(trial) or best is None or partly_size(trial) <= partly_size(best)
            if trial.metrics["accuracy"] >= 0.93 and (best is None or partly_size(trial) < partly_size(best)):
                best = trial
    plain = make_config(**changes, sweep="all", search={"trials": 30, "stopping": "none"})
    everything = search_with(with_objective("size_mb", "minimize", plain), partly)
    assert {partly_size(trial) for trial in everything.state.front.members} == {partly_size(best)}


def with_objective(name, direction, config):
    return parse_config({**config.raw, "objectives": {name: direction}})


def test_with_accuracy_among_the_objectives_nobody_is_stopped_by_a_member_that_is_not_perfect(
    make_config, search_with, partly
) -> None:
    sweep = search_with(make_config(space=SPACE, search={"trials": 24}), partly)
    assert {trial.state for trial in sweep.trials} == {"complete"}
    assert {fidelity for _, fidelity in partly.asked} == {1.0}


def replayed(trials, fidelity):
    """Who goes on from a rung, for one objective, by the definition: the best so far, or among the best third."""
    seen, goes = [], {}
    for trial in trials:
        if rung := trial.at(fidelity):
            seen.append(rung.measurement.metrics["accuracy"])
            better = sum(value > seen[-1] for value in seen)
            goes[trial.number] = better == 0 or better < len(seen) // ETA
    return goes


def check_halving(sweep, partly) -> None:
    low, high = (1 / 9, 1 / 3)
    first, second = replayed(sweep.trials, low), replayed(sweep.trials, high)
    assert set(second) == {number for number, goes in first.items() if goes}
    assert False in first.values()
    assert False in second.values()
    for trial in sweep.trials[1:]:
        if not is_trained(trial):
            assert (trial.state, trial.rungs) == ("complete", ())
            continue
        goes = first[trial.number] and second[trial.number]
        assert trial.state == ("complete" if goes else "stopped")
        if not goes:
            part = "33%" if first[trial.number] else "11%"
            assert trial.outcome.reason.startswith(f"after {part} of its training ")
            assert trial.outcome.reason.endswith("trials that came so far did better; 1 of 3 goes on")


def test_halving_stops_all_but_the_best_third_and_a_sweep_that_goes_on_knows_all(
    make_config, search_with, partly, workspace
) -> None:
    halving = make_config(space=SPACE, search={"trials": 24, "stopping": "halving"})
    config = with_objective("accuracy", "maximize", halving)
    tops = []

    def killed(recipe, fidelity=1.0):
        found = partly(recipe, fidelity)
        tops.append(fidelity)
        if len(tops) == 9:
            raise KeyboardInterrupt
        return found

    with pytest.raises(KeyboardInterrupt):
        search_with(config, killed)
    before = read_trials(workspace.sweep("small"))
    assert before[-1].state == "running"
    sweep = search_with(config, partly)
    assert len(sweep.trials) == 24
    assert [trial.rungs for trial in sweep.trials[: len(before) - 1]] == [trial.rungs for trial in before[:-1]]
    check_halving(sweep, partly)
    assert read_trials(workspace.sweep("small")) == list(sweep.trials)


def test_a_sweep_with_stopped_trials_is_shown_alike_everywhere(
    make_config, run_inline, partly, with_mlflow, cli_run
) -> None:
    config = make_config(space=SPACE, constraints={"size_mb": "<= 0.8"}, search={"trials": 7})
    sweep = run_inline(config, partly)
    stopped = [trial for trial in sweep.trials if trial.state == "stopped"]
    assert stopped
    client = MlflowClient(with_mlflow.tracking_uri)

    def children():
        (experiment,) = [e for e in client.search_experiments() if e.name == "small"]
        runs = client.search_runs([experiment.experiment_id])
        return {int(run.data.tags[NUMBER]): run for run in runs if NUMBER in run.data.tags}, next(
            run for run in runs if NUMBER not in run.data.tags
        )

    runs, parent = children()
    for trial in sweep.trials:
        assert runs[trial.number].info.status == ("KILLED" if trial.state == "stopped" else "FINISHED")
    for trial in stopped:
        tags = runs[trial.number].data.tags
        assert tags["stopped"] == trial.outcome.reason
        assert tags["mlflow.note.content"] == f"Stopped: {trial.outcome.reason}"
        assert "accuracy" not in runs[trial.number].data.metrics
    assert parent.data.metrics["trials_stopped"] == len(stopped)
    assert f"7 of 7 trials finished · {len(stopped)} stopped early" in parent.data.tags["mlflow.note.content"]
    # Going on with the sweep leaves their runs as they are.
    more = run_inline(make_config(space=SPACE, constraints={"size_mb": "<= 0.8"}, search={"trials": 8}), partly)
    assert more.trials[:7] == sweep.trials
    again, _ = children()
    for trial in stopped:
        assert again[trial.number].info == runs[trial.number].info
    assert len(again) == 8
    code, out, _ = cli_run("status", "small", "--json")
    notes = json.loads(out)
    assert (code, notes["stopped"]) == (0, more.state.stopped)
    assert notes["stops"][0] == {
        "trial": stopped[0].number,
        "label": stopped[0].label,
        "reason": stopped[0].outcome.reason,
    }
    assert notes["failures"] == []
    _, out, _ = cli_run("status", "small")
    assert f"trial {stopped[0].number} ({stopped[0].label}) was stopped: before its training" in " ".join(out.split())


def test_the_study_keeps_rungs_and_stopped_trials_as_pruned(make_config, folder, ask) -> None:
    config = make_config(constraints={"size_mb": "<= 0.8", "accuracy": ">= 0.9"}, search={"sampler": "tpe"})
    study = Study(config, folder)
    study.tell(complete(ask(study).number, 1.0, 2.0, {"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 0.5}))
    trial = ask(study)
    study.reach(trial.number, Rung(0.0, Measurement({"accuracy": 0.1, "latency_ms": 1.0, "size_mb": 2.0})))
    study.reach(trial.number, Rung(0.0, Measurement({"accuracy": 0.1, "latency_ms": 1.0, "size_mb": 1.8})))
    study.tell(Result(trial.number, 1.0, 2.0, Stopped("too large")))
    again = Study(config, folder)
    assert again.trials == study.trials
    assert again.trials[1].rungs == (Rung(0.0, Measurement({"accuracy": 0.1, "latency_ms": 1.0, "size_mb": 1.8})),)
    assert again.state == study.state
    assert (again.state.stopped, again.state.complete, again.state.finished) == (1, 1, 2)
    plain = optuna.load_study(study_name="small", storage=JournalStorage(JournalFileBackend(str(folder.journal))))
    frozen = plain.trials[1]
    assert (frozen.state, frozen.values) == (optuna.trial.TrialState.PRUNED, None)
    assert frozen.constraints == {"size_mb <= 0.8": pytest.approx(1.0)}
    with pytest.raises(ValueError, match="trial 1 is stopped already"):
        study.reach(1, Rung(0.0, Measurement({})))


def test_the_ladder_has_only_rungs_where_the_trial_could_be_stopped(make_config, make_trial) -> None:
    channel = {"method": "channel", "ratio": 0.5}
    pruned = make_trial(1, recipe=[{"prune": channel}])
    front = pareto_front([], make_config().objectives)
    bound, halving = {"constraints": {"size_mb": "<= 1"}}, {"search": {"stopping": "halving"}}

    def fidelities(trial=pruned, front=front, **changes):
        return Stopping(make_config(**changes)).fidelities(trial, front)

    assert fidelities() == (1.0,)
    assert fidelities(**bound) == (0.0, 1.0)
    assert fidelities(**bound, search={"stopping": "none"}) == (1.0,)
    assert fidelities(**halving) == (1 / 9, 1 / 3, 1.0)
    assert fidelities(**halving, **bound) == (0.0, 1 / 9, 1 / 3, 1.0)
    assert fidelities(**halving, training={"finetune_epochs": 3}) == (1 / 3, 1.0)  # 1 of 3 epochs, both times
    assert fidelities(**halving, training={"finetune_epochs": 1}) == (1.0,)
    assert fidelities(**halving, **bound, training={"finetune_epochs": 0}) == (1.0,)
    assert fidelities(make_trial(0), **halving, **bound) == (1.0,)
    assert fidelities(make_trial(1, recipe=[{"quantize": {"scheme": "static-int8"}}]), **halving, **bound) == (1.0,)
    anywhere = make_trial(1, recipe=[{"prune": {**channel, "scope": "global"}}])
    assert fidelities(anywhere, **halving, **bound) == (1 / 9, 1 / 3, 1.0)
    perfect = make_trial(2, (1.0, 1.0, 1.0))
    assert fidelities(front=pareto_front([perfect], make_config().objectives)) == (0.0, 1.0)


def test_what_fails_on_a_rung_is_not_judged(make_config, search_with, partly) -> None:
    def evaluate(recipe, fidelity=1.0):
        if fidelity < 1:
            raise TrialFailed("too early")
        return partly(recipe)

    sweep = search_with(make_config(space=SPACE, constraints={"size_mb": "<= 0.1"}, search={"trials": 5}), evaluate)
    assert [trial.state for trial in sweep.trials] == ["complete"] * 5
    assert {trial.rungs for trial in sweep.trials} == {()}


def test_the_teacher_is_never_stopped(make_config, folder, partly) -> None:
    config = make_config(constraints={"size_mb": "<= 0.1"}, search={"trials": 2, "stopping": "halving"})
    source = StudyQueue(Study(config, folder))
    teacher = source.next()
    assert source.fidelities(teacher) == (1.0,)
    assert source.judge(teacher, complete(0, 1.0, 2.0, {"size_mb": 9.0}, fidelity=1 / 3)) == ""


def test_a_word_that_is_none_is_told_with_those_that_are(make_config) -> None:
    with pytest.raises(InputError) as error:
        make_config(search={"stopping": "asha"})
    assert "search.stopping: 'asha'" in str(error.value)
    assert "none, structure, halving" in str(error.value)
    changed = make_config(search={"stopping": "none"})
    assert make_config().search.stopping == "structure"
    assert changed.differences(make_config()) == []


def test_standings_follow_trial_by_trial(make_config, make_trial) -> None:
    config = make_config()
    stopped = make_trial(1).finish(Result(1, 1.0, 2.0, Stopped("too large")))
    complete = make_trial(0, (0.9, 1.0, 1.0))
    step = SweepState.of((), config).with_started().with_finished(complete, config)
    step = step.with_started().with_finished(stopped, config)
    assert step == SweepState.of([complete, stopped], config)
    assert step.front.members == (complete,)
