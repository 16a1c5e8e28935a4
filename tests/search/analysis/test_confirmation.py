import json
import statistics

import pytest

from pipelines import Evaluation, TrialFailed
from pipelines.meters import Measurement
from search.analysis.confirmation import Confirmation, RepeatQueue, confirm
from search.errors import SweepError
from search.execution.attempts import MAX_ATTEMPTS
from search.execution.executor import InlineExecutor
from search.study.trial import Result


@pytest.fixture
def sweep(make_config, run_inline):
    return run_inline(make_config(search={"trials": 6}))


@pytest.fixture
def lucky(analytic):
    """`analytic`, with an accuracy that each seed moves by a hundredth."""
    made = []

    def with_seed(seed: int):
        def evaluate(recipe):
            made.append((seed, recipe.digest))
            found = analytic(recipe)
            metrics = {**found.measurement.metrics, "accuracy": found.measurement.metrics["accuracy"] - seed / 100}
            return Evaluation(Measurement(metrics), found.stages, found.model)

        return evaluate

    with_seed.made = made
    return with_seed


def repeat(sweep, workspace, seeds, evaluate, **options):
    members = sweep.state.front.members
    return confirm(sweep, workspace, members, seeds, executor=InlineExecutor(), evaluate=evaluate, **options)


def test_every_member_is_made_once_with_each_seed(sweep, workspace, lucky) -> None:
    told = []
    found = repeat(
        sweep, workspace, [1, 2, 3], lucky, on_progress=lambda seed, trial: told.append((seed, trial.number))
    )
    members = sweep.state.front.members
    assert sorted(lucky.made) == sorted((seed, trial.recipe.digest) for seed in (1, 2, 3) for trial in members)
    assert len(told) == len(set(told)) == 3 * len(members)
    for trial in members:
        values = [trial.metrics["accuracy"] - seed / 100 for seed in (1, 2, 3)]
        assert found.mean(trial.number, "accuracy") == pytest.approx(statistics.mean(values))
        assert found.spread(trial.number, "accuracy") == pytest.approx(0.01)
        assert found.survived(trial.number) == 3


def test_the_study_is_left_as_it_is(sweep, workspace, lucky) -> None:
    journal = workspace.sweep("small").journal.read_bytes()
    repeat(sweep, workspace, [1], lucky)
    assert workspace.sweep("small").journal.read_bytes() == journal


def test_going_on_repeats_nothing(sweep, workspace, lucky) -> None:
    members = len(sweep.state.front.members)
    assert members >= 2
    interrupted = []

    def stops(seed):
        work = lucky(seed)

        def evaluate(recipe):
            if len(interrupted) == 1 + members:  # within the second seed
                raise KeyboardInterrupt
            interrupted.append(recipe)
            return work(recipe)

        return evaluate

    with pytest.raises(KeyboardInterrupt):
        repeat(sweep, workspace, [1, 2], stops)
    found = repeat(sweep, workspace, [1, 2], lucky)
    assert len(lucky.made) == len(set(lucky.made)) == 2 * members
    assert [len(trials) for trials in found.repeats.values()] == [members, members]
    assert repeat(sweep, workspace, [1, 2], lucky) == found
    assert len(lucky.made) == 2 * members
    assert not workspace.sweep("small").is_running()


def test_what_fails_with_a_seed_does_not_survive_it(sweep, workspace, lucky) -> None:
    first, *others = sweep.state.front.members

    def sometimes(seed):
        work = lucky(seed)

        def evaluate(recipe):
            if seed == 2 and recipe == first.recipe:
                raise TrialFailed("the loss became nan")
            return work(recipe)

        return evaluate

    found = repeat(sweep, workspace, [1, 2], sometimes)
    assert found.survived(first.number) == 1
    assert found.survived(others[0].number) == 2
    assert found.mean(first.number, "accuracy") == pytest.approx(first.metrics["accuracy"] - 0.01)
    assert found.spread(first.number, "accuracy") is None
    assert repeat(sweep, workspace, [1, 2], lucky) == found  # a failure is a result


def test_survival_counts_fronts_within_the_constraints(make_config, make_trial) -> None:
    config = make_config(constraints={"accuracy": ">= 0.5"})
    trials = [make_trial(1, (0.9, 2.0, 1.0)), make_trial(2, (0.8, 1.0, 1.0))]
    repeats = {
        1: (make_trial(1, (0.9, 2.0, 1.0)), make_trial(2, (0.8, 1.0, 1.0))),  # both
        2: (make_trial(1, (0.7, 2.0, 1.0)), make_trial(2, (0.8, 1.0, 1.0))),  # the second dominates
        3: (make_trial(1, (0.9, 2.0, 1.0)), make_trial(2, (0.4, 1.0, 1.0))),  # the second breaks the constraint
        4: (make_trial(1, None, "bad"), make_trial(2, (0.8, 1.0, 1.0))),
    }
    found = Confirmation(config, tuple(trials), repeats)
    assert (found.survived(1), found.survived(2)) == (2, 3)
    assert found.mean(3, "accuracy") is None


def test_a_sweep_at_work_is_left_alone(sweep, workspace, lucky) -> None:
    def refused(seed):
        def evaluate(recipe):
            with pytest.raises(SweepError, match="is running in another process"):
                repeat(sweep, workspace, [5], lucky)
            return lucky(seed)(recipe)

        return evaluate

    assert repeat(sweep, workspace, [1], refused).repeats[1][0].state == "complete"


def test_a_trial_whose_worker_dies_is_given_out_again_then_fails(make_trial, tmp_path) -> None:
    told = []
    source = RepeatQueue([make_trial(4, (0.9, 4.0, 2.0))], tmp_path, told.append)
    for _ in range(MAX_ATTEMPTS):
        trial = source.next()
        assert trial.state == "running"
        assert source.out == (trial,)
        assert source.next() is None
        source.retry(trial, "the worker died", 5.0)
    assert source.exhausted
    assert [trial.failure.reason for trial in told] == ["the worker died"]
    assert json.loads((tmp_path / "4.json").read_text(encoding="utf-8"))["outcome"]["reason"] == "the worker died"
    assert RepeatQueue([make_trial(4)], tmp_path, told.append).exhausted


def test_results_are_kept_by_seed_and_number(sweep, workspace, lucky) -> None:
    repeat(sweep, workspace, [7], lucky)
    kept = workspace.sweep("small").confirm / "7"
    numbers = sorted(trial.number for trial in sweep.state.front.members)
    assert sorted(int(path.stem) for path in kept.glob("*.json")) == numbers
    assert Result.read(kept, numbers[0]).number == numbers[0]
