import warnings

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search.samplers import quick_tpe
from search.samplers.quick_tpe import QuickTpe

STARTUP = 10
"""So many trials TPE draws at random."""

METHOD, RATIO = CategoricalDistribution(["none", "a", "b"]), FloatDistribution(0.0, 0.9, step=0.1)
DEPTH = IntDistribution(1, 6)


def suggestions(sampler, count: int) -> list[dict]:
    """What `sampler` suggests in a conditional space where some trials fail, some break a bound and some run on."""
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    for number in range(count):
        trial = study.ask()
        depth, method = trial.suggest_int("depth", 1, 6), trial.suggest_categorical("method", METHOD.choices)
        ratio = trial.suggest_float("ratio", 0.0, 0.9, step=0.1) if method != "none" else 0.0
        if number % 7 == 3:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        elif number % 9 != 4:
            trial.set_constraint("small", depth - 4.0)
            study.tell(trial, [depth * (1 - ratio), depth - 3 * ratio + (method == "a")])
        if number == STARTUP:
            found = {"depth": 2, "method": "b", "ratio": 0.5}
            axes = {"depth": DEPTH, "method": METHOD, "ratio": RATIO}
            study.add_trial(optuna.trial.create_trial(values=[1.0, 2.0], params=found, distributions=axes))
    return [trial.params for trial in study.trials]


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def test_it_suggests_what_optunas_sampler_suggests() -> None:
    stock = optuna.samplers.TPESampler(multivariate=True, group=True, seed=0)
    assert suggestions(QuickTpe(0), 30) == suggestions(stock, 30)


def test_trials_are_divided_once_for_a_suggestion(monkeypatch) -> None:
    divided, divide = [], quick_tpe._split_trials
    monkeypatch.setattr(
        quick_tpe, "_split_trials", lambda study, trials, count: divided.append(1) or divide(study, trials, count)
    )
    suggestions(QuickTpe(0), 20)
    assert 5 < len(divided) <= 20
