from dataclasses import replace

import pytest

from pipelines.identity import TaskIdentity
from search.study.saved import Sweep
from search.study.state import SweepState
from search.study.study import Study
from search.suggest.queue import StudyQueue
from search.suggest.warm_start import FRONT, WarmStart, params_in, warm_starts
from spaces import InputError
from tests.search.results import complete


@pytest.fixture
def earlier(make_config, run_inline, analytic):
    """The small sweep of 12 trials, ended, under the name ``earlier``."""
    return run_inline(make_config(sweep="earlier"), analytic)


@pytest.fixture
def later(make_config):
    return lambda **changes: make_config(sweep="later", **changes)


def begin(queue: StudyQueue, analytic, count: int) -> list:
    """Run `count` trials one after the other."""
    trials = []
    for _ in range(count):
        trial = queue.next()
        queue.finish(complete(trial.number, 0.0, 1.0, analytic(trial.recipe).measurement.metrics))
        trials.append(trial)
    return trials


def test_results_of_the_same_sweep_are_taken_as_they_are(earlier, later) -> None:
    found = WarmStart.of(earlier, later(), same_task=True)
    assert found.as_they_are
    assert len(found.trials) == earlier.state.complete - 1  # without the uncompressed teacher
    assert {trial.number for trial in found.front} == {t.number for t in earlier.state.front.members if t.number}
    assert found.words == (
        f"warm start: 11 results of sweep earlier as they are; {len(found.front)} of its front are tried first"
    )


@pytest.mark.parametrize(
    ("changes", "same_task", "words"),
    [
        ({"target": {"batch": 8}}, True, "as priors (its target differed)"),
        ({"training": {"student_epochs": 1}, "search": {"seed": 1}}, True, "(its training, search.seed differed)"),
        ({}, False, "as priors (its task differed)"),
    ],
)
def test_under_other_conditions_they_are_priors(earlier, later, changes, same_task, words) -> None:
    found = WarmStart.of(earlier, later(**changes), same_task=same_task)
    assert not found.as_they_are
    assert words in found.words


def test_a_prior_compares_with_the_teacher_as_it_did_with_its_own(earlier, later, make_trial) -> None:
    found = WarmStart.of(earlier, later(target={"batch": 8}), same_task=True)
    teacher, slow = earlier.state.baseline, make_trial(0, (0.5, 100.0, 7.0))
    for was, moved in zip(found.trials, found.lessons(slow, earlier.config.objectives), strict=True):
        for name in ("accuracy", "latency_ms", "size_mb"):
            expected = was.metrics[name] / teacher.metrics[name] * slow.metrics[name]
            assert moved.metrics[name] == pytest.approx(expected)


def test_only_recipes_of_the_space_are_of_use(earlier, later) -> None:
    narrow = later(space={"student": {"depth": [2]}, "quantization": {"scheme": ["none", "static-int8"]}})
    found = WarmStart.of(earlier, narrow, same_task=True)
    kept = [] if found is None else found.trials
    assert len(kept) < earlier.state.complete - 1
    for trial in kept:
        assert trial.params["student.depth"] == 2
    assert all(params_in(narrow.space, trial) == trial.params for trial in kept)


def test_a_sweep_without_a_teacher_or_a_metric_teaches_nothing(earlier, later, config) -> None:
    assert WarmStart.of(Sweep(config, (), SweepState.of((), config)), later(), same_task=True) is None
    other = later(objectives={"accuracy": "maximize", "peak_memory_mb": "minimize"})
    assert WarmStart.of(earlier, other, same_task=True) is None


def test_the_front_is_tried_first_and_nothing_counts_as_a_trial(earlier, later, workspace, analytic) -> None:
    config = later(search={"warm_start": ["earlier"]})
    starts = warm_starts(config, workspace, None)
    study = Study(config, workspace.sweep("later"))
    queue = StudyQueue(study, warm_starts=starts)
    (start,) = starts
    first = min(len(start.front), 11)
    trials = begin(queue, analytic, 12)
    assert queue.next() is None
    assert [trial.proposed for trial in trials[: first + 1]] == ["baseline", *["warm_start"] * first]
    assert {trial.recipe for trial in trials[1 : first + 1]} == {trial.recipe for trial in start.front[:first]}
    assert len(study.trials) == 12


def test_what_is_known_is_not_tried_again(earlier, later, workspace, analytic) -> None:
    config = later(search={"warm_start": ["earlier"]})
    (start,) = warm_starts(config, workspace, None)
    trials = begin(StudyQueue(Study(config, workspace.sweep("later")), warm_starts=[start]), analytic, 12)
    suggested = {trial.recipe.digest for trial in trials if trial.proposed == "sampler"}
    assert not suggested & {trial.recipe.digest for trial in start.trials}


def test_a_resumed_sweep_does_not_try_the_front_twice(earlier, later, workspace, analytic) -> None:
    config = later(search={"warm_start": ["earlier"], "trials": 6})
    starts = warm_starts(config, workspace, None)
    begin(StudyQueue(Study(config, workspace.sweep("later")), warm_starts=starts), analytic, 3)
    study = Study(config, workspace.sweep("later"))
    begin(StudyQueue(study, warm_starts=warm_starts(config, workspace, None)), analytic, 3)
    assert len({trial.recipe.digest for trial in study.trials}) == 6


def test_a_prior_is_forgotten_when_there_is_as_much_of_the_sweeps_own(earlier, later, workspace, analytic) -> None:
    config = later(target={"batch": 8}, search={"warm_start": ["earlier"], "trials": 30, "sampler": "tpe"})
    queue = StudyQueue(Study(config, workspace.sweep("later")), warm_starts=warm_starts(config, workspace, None))
    begin(queue, analytic, 1)
    learned = len(queue._suggester._prior)
    assert learned == 11
    begin(queue, analytic, learned - 2)
    assert queue._suggester._prior
    begin(queue, analytic, 1)
    assert not queue._suggester._prior
    assert queue._suggester._shown < learned


def test_of_a_large_front_a_few_are_tried_from_all_along_it(later, make_trial, config) -> None:
    points = list(config.space.points())[:40]
    trials = [make_trial(0, (1.0, 1.0, 1.0))]
    for number, params in enumerate(points, start=1):
        trial = make_trial(number, (number / 40, number / 40, 1.0), recipe=config.space.recipe(params).to_list())
        trials.append(trial)
    sweep = Sweep(config, tuple(trials), SweepState.of(trials, config))
    assert WarmStart.of(sweep, later(), same_task=True) is None  # their parameters are not known
    named = [trials[0], *(replace(t, params=p) for t, p in zip(trials[1:], points, strict=True))]
    found = WarmStart.of(Sweep(config, tuple(named), sweep.state), later(), same_task=True)
    assert 1 < len(found.front) <= FRONT


def test_what_cannot_be_started_from_is_told(earlier, later, workspace, make_config) -> None:
    with pytest.raises(InputError, match=r"'erlier'.*did you mean 'earlier'"):
        warm_starts(later(search={"warm_start": ["erlier"]}), workspace, None)
    with pytest.raises(InputError, match=r"search\.warm_start"):
        warm_starts(make_config(sweep="earlier", search={"warm_start": ["earlier"]}), workspace, None)
    other = later(search={"warm_start": ["earlier"]}, task={"use": "mine:Task"})
    with pytest.raises(InputError, match="sweep 'earlier' is of the task digits, this one of mine:Task"):
        warm_starts(other, workspace, None)


def test_a_changed_task_makes_priors(earlier, later, workspace) -> None:
    config = later(search={"warm_start": ["earlier"]})
    identity = TaskIdentity("digits", {}, None, {"pipelines.tasks.digits": "other"})
    (start,) = warm_starts(config, workspace, identity)
    assert start.differs == ("task",)
