import optuna
import pytest
from optuna.samplers import NSGAIIISampler, NSGAIISampler

from search.samplers.generations import current_generation

KEY = "NSGAIISampler:generation"


@pytest.fixture
def study():
    """Trials of generations 0, 1 and, not complete, 2."""
    made = optuna.create_study(directions=["minimize", "maximize"])
    for generation in (0, 1):
        made.add_trial(optuna.create_trial(values=[1.0, 2.0], system_attrs={KEY: generation}))
    made.add_trial(optuna.create_trial(state=optuna.trial.TrialState.FAIL, system_attrs={KEY: 2}))
    return made


def test_it_is_the_latest_with_a_complete_trial(study) -> None:
    assert current_generation(NSGAIISampler, study) == {KEY: 1}


def test_another_algorithms_generations_are_not_ours(study) -> None:
    assert current_generation(NSGAIIISampler, study) == {"NSGAIIISampler:generation": 0}


def test_a_study_without_trials_is_in_its_first() -> None:
    assert current_generation(NSGAIISampler, optuna.create_study()) == {KEY: 0}
