import pytest
from optuna.trial import TrialState

from pipelines.meters import Measurement
from search.config.objective import Constraint, Objective
from search.study.ending import Ending, ending, structural_violations
from search.study.outcome import Complete, Failed, Stopped
from search.study.rung import Rung
from search.study.trial import Result, Trial
from search.tracking.projection import ENDED
from spaces import Recipe

OBJECTIVES = [Objective("accuracy", "maximize"), Objective("size_mb", "minimize")]
BOUNDS = [Constraint("size_mb", "<=", 1.0), Constraint("accuracy", ">=", 0.9)]
OUTCOMES = {
    "complete": Complete(Measurement({"accuracy": 0.8, "size_mb": 0.5}), "m"),
    "failed": Failed("no"),
    "stopped": Stopped("too large"),
}


def ended(outcome) -> Trial:
    return Trial(3, Recipe(), {}, "teacher", 0.0, Result(3, 1.0, 2.0, outcome))


@pytest.mark.parametrize(
    ("state", "optuna", "mlflow"),
    [
        ("complete", TrialState.COMPLETE, "FINISHED"),
        ("failed", TrialState.FAIL, "FAILED"),
        ("stopped", TrialState.PRUNED, "KILLED"),
    ],
)
def test_every_outcome_has_one_state_in_each_record(state, optuna, mlflow) -> None:
    trial = ended(OUTCOMES[state])
    assert trial.state == state
    assert ending(trial, OBJECTIVES, BOUNDS).state == optuna
    assert ENDED[trial.state] == mlflow


def test_values_are_in_the_order_of_the_objectives_and_violations_by_constraint() -> None:
    violations = {"size_mb <= 1": -0.5, "accuracy >= 0.9": pytest.approx(0.1)}
    assert ending(ended(OUTCOMES["complete"]), OBJECTIVES, BOUNDS) == Ending(
        TrialState.COMPLETE, [0.8, 0.5], violations
    )


def test_a_running_trial_has_no_end() -> None:
    with pytest.raises(ValueError, match="trial 3 is running"):
        ending(Trial(3, Recipe(), {}, "teacher", 0.0), OBJECTIVES, BOUNDS)


def test_structural_violations_are_of_the_last_rung(make_trial) -> None:
    bounds = [Constraint("size_mb", "<=", 1.0), Constraint("latency_ms", "<=", 2.0), Constraint("accuracy", ">=", 0.9)]
    stopped = make_trial(3).reach(Rung(0.0, Measurement({"accuracy": 0.1, "size_mb": 1.5, "latency_ms": 1.0})))
    assert structural_violations(stopped, bounds) == {"size_mb <= 1": 0.5, "latency_ms <= 2": -1.0}
    assert structural_violations(make_trial(3), bounds) == {}
