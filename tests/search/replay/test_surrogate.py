from dataclasses import replace
from random import Random

import pytest

from pipelines.meters import Measurement
from search.replay.surrogate import FEWEST, Surrogate
from search.study.trial import Trial
from tests.search.results import complete


@pytest.fixture
def trials(config, analytic) -> list[Trial]:
    rng, found = Random(0), {}
    while len(found) < 30:
        params = config.space.draw(rng)
        recipe = config.space.recipe(params)
        metrics = analytic(recipe).measurement.metrics
        trial = Trial(len(found) + 1, recipe, params, "", 0.0, complete(len(found) + 1, 0.0, 1.0, metrics))
        found.setdefault(recipe.digest, trial)
    return list(found.values())


def test_it_is_near_what_was_measured(config, trials) -> None:
    model = Surrogate(config, trials)
    for trial in trials:
        supposed = model.metrics(trial.params)
        assert supposed["size_mb"] == pytest.approx(trial.metrics["size_mb"], rel=0.5)
        assert supposed["latency_ms"] > 0


def test_its_error_is_that_on_trials_left_out_and_a_share_where_what_is_minimised_is_positive(config, trials) -> None:
    errors = {error.metric: error for error in Surrogate(config, trials).errors}
    assert set(errors) == {"accuracy", "latency_ms", "size_mb"}
    assert (errors["accuracy"].relative, errors["size_mb"].relative) == (False, True)
    assert all(0 <= error.median < 1 for error in errors.values())
    assert str(errors["size_mb"]).startswith("size_mb ±")
    assert str(errors["size_mb"]).endswith("%")


def test_a_metric_that_hangs_on_nothing_is_not_known_better_than_by_its_spread(config, trials) -> None:
    rng = Random(1)
    noisy = [t.measured(Measurement({**t.metrics, "accuracy": rng.random()})) for t in trials]
    errors = {error.metric: error.median for error in Surrogate(config, noisy).errors}
    assert errors["accuracy"] > 0.15  # the median distance of such numbers from their mean is a quarter


def test_of_few_trials_nothing_is_supposed(config, trials) -> None:
    with pytest.raises(ValueError, match=f"a model needs {FEWEST} complete trials, not 9"):
        Surrogate(config, [replace(trial) for trial in trials[:9]])
