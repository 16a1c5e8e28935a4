import pytest

from pipelines import Evaluation, StageRun, TrialFailed
from pipelines.ledger import FOR_DRIVER, OTHER, YIELDING, spending
from pipelines.meters import Measurement
from search.execution.rung_runner import RungRunner
from search.study.outcome import Failed


class Clock:
    """Every clock of a machine, which goes on when it is told to."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("search.execution.work.time.time", clock)
    monkeypatch.setattr("pipelines.ledger.time.perf_counter", clock)
    return clock


def outcome(*stages: StageRun, **metrics: float) -> Evaluation:
    return Evaluation(Measurement(metrics), stages, "m")


def test_each_step_is_a_rung_and_the_last_is_the_trials_result(make_trial) -> None:
    asked = []

    def evaluate(recipe, fidelity=1.0):
        asked.append(fidelity)
        teacher = StageRun("teacher", "t", 8.0, reused=fidelity > 0)
        trained = StageRun("distil", f"d{fidelity:.1f}", 2.0, reused=False)
        return outcome(teacher, trained, accuracy=fidelity)

    runner = RungRunner(make_trial(3), (0.0, 0.5, 1.0), evaluate)
    results = []
    while not runner.is_done:
        results.append(runner.step())
    assert asked == [0.0, 0.5, 1.0]
    assert [(result.fidelity, result.outcome.measurement.metrics) for result in results] == [
        (fidelity, {"accuracy": fidelity}) for fidelity in asked
    ]
    assert {result.started for result in results} == {results[0].started}
    last = results[-1]
    # The teacher was computed for this trial, on the lowest rung; it is part of the file's own stages.
    assert [(stage.key, stage.reused) for stage in last.stages] == [("t", False), ("d1.0", False)]
    assert [(stage.key, stage.reused) for stage in last.rung_stages] == [("d0.0", False), ("d0.5", False)]
    assert sum(stage.seconds for stage in last.computed) == 8 + 3 * 2


def test_every_second_from_its_first_rung_to_its_last_is_on_one_account(make_trial, clock) -> None:
    def evaluate(recipe, fidelity=1.0):
        with spending("distil"):
            clock.now += 4.0
            with spending(YIELDING):
                clock.now += 2.0
        clock.now += 1.0
        if fidelity < 1:
            raise TrialFailed("an untrained network has no ranges")
        return outcome(accuracy=fidelity)

    runner = RungRunner(make_trial(3), (0.0, 0.5, 1.0), evaluate)
    while not runner.is_done:
        result = runner.step()
        clock.now += 0.0 if runner.is_done else 3.0  # the driver thinks about it
    assert result.spent == {"distil": 12.0, YIELDING: 6.0, OTHER: 3.0, FOR_DRIVER: 6.0}
    assert sum(result.spent.values()) == result.finished - result.started == 27.0


def test_at_one_fidelity_a_function_of_the_recipe_will_do(make_trial) -> None:
    runner = RungRunner(make_trial(0), (1.0,), lambda recipe: outcome(accuracy=0.5))
    assert runner.step().outcome.measurement.metrics == {"accuracy": 0.5}
    assert runner.is_done


def test_what_fails_on_the_way_is_tried_to_the_end(make_trial) -> None:
    def evaluate(recipe, fidelity=1.0):
        if fidelity < 1:
            raise TrialFailed("an untrained network has no ranges")
        return outcome(accuracy=0.5)

    runner = RungRunner(make_trial(3), (0.0, 1.0), evaluate)
    assert runner.step().outcome == Failed("an untrained network has no ranges")
    assert runner.step().outcome.measurement.metrics == {"accuracy": 0.5}


def test_the_result_of_a_trial_that_is_stopped_has_no_numbers_but_its_cost(make_trial) -> None:
    stage = StageRun("distil", "d", 2.0, reused=False)
    result = RungRunner(make_trial(3), (0.0, 1.0), lambda recipe, fidelity: outcome(stage, accuracy=0.1)).step()
    stopped = result.stop("too large")
    trial = make_trial(3).finish(stopped)
    assert (trial.state, trial.metrics, trial.model) == ("stopped", {}, None)
    assert stopped.computed == (stage,)
    assert stopped.fidelity == 0.0
    assert type(stopped).from_json(stopped.to_json()) == stopped


def test_interruptions_are_not_results(make_trial) -> None:
    def evaluate(recipe, fidelity=1.0):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RungRunner(make_trial(3), (1.0,), evaluate).step()
