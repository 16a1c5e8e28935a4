import pytest

from search.study.state import SweepState
from search.tracking.client import NUMBER, PARENT, PARETO, STUDY, connect, experiment_id, study_runs
from search.tracking.projection import Projection


@pytest.fixture
def client(config, with_mlflow):
    return connect(config, with_mlflow)


@pytest.fixture
def open_projection(client, config, workspace):
    return lambda: Projection.open(client, config, workspace, "study")


@pytest.fixture
def runs(client, config, workspace):
    """The parent, and the children by the number of their trial."""

    def read():
        found = study_runs(client, experiment_id(client, config, workspace), "study")
        (parent,) = [run for run in found if PARENT not in run.data.tags]
        return parent, {int(run.data.tags[NUMBER]): run for run in found if PARENT in run.data.tags}

    return read


@pytest.fixture
def trials(make_trial):
    """One that is complete, one that has failed and one that runs."""
    return [make_trial(0, (0.9, 4.0, 2.0)), make_trial(1, reason="too shallow"), make_trial(2)]


def test_a_trials_run_says_what_the_trial_says(open_projection, runs, trials) -> None:
    projection = open_projection()
    for trial in (*trials, *trials):
        projection.put_trial(trial)
    parent, children = runs()
    assert {number: run.info.status for number, run in children.items()} == {0: "FINISHED", 1: "FAILED", 2: "RUNNING"}
    assert {run.data.tags[PARENT] for run in children.values()} == {parent.info.run_id}
    assert children[0].data.metrics["latency_ms"] == 4.0
    assert children[1].data.tags["failure"] == "too shallow"


def test_what_is_written_already_is_not_written_again(open_projection, trials, monkeypatch, client) -> None:
    first = open_projection()
    for trial in trials:
        first.put_trial(trial)
    again = open_projection()
    written = []
    monkeypatch.setattr(client, "log_batch", lambda run, **given: written.append(run))
    for trial in trials[:2]:
        again.put_trial(trial)
    assert written == []


def test_what_an_interruption_left_is_killed_and_runs_again(open_projection, runs, trials) -> None:
    projection = open_projection()
    for trial in trials:
        projection.put_trial(trial)
    projection.close("KILLED")
    parent, children = runs()
    assert (parent.info.status, children[2].info.status, children[0].info.status) == ("KILLED", "KILLED", "FINISHED")
    again = open_projection()
    again.put_trial(trials[2])
    parent, more = runs()
    assert (parent.info.status, more[2].info.status) == ("RUNNING", "RUNNING")
    assert more[2].info.run_id == children[2].info.run_id


def test_a_run_that_was_made_twice_is_deleted_once(open_projection, runs, trials, client) -> None:
    open_projection().put_trial(trials[0])
    parent, children = runs()
    tags = {PARENT: parent.info.run_id, STUDY: "study", NUMBER: "0"}
    client.create_run(parent.info.experiment_id, tags=tags)
    open_projection()
    assert len(client.search_runs([parent.info.experiment_id], f"tags.`{NUMBER}` = '0'")) == 1
    assert list(children) == [0]


def test_members_of_the_front_are_tagged_and_untagged(open_projection, runs, make_trial, config) -> None:
    worse, better = make_trial(0, (0.8, 4.0, 2.0)), make_trial(1, (0.9, 2.0, 1.0))
    projection = open_projection()
    for count in (1, 2):
        told = [worse, better][:count]
        projection.put_trial(told[-1])
        projection.put_pareto(SweepState.of(told, config))
    _, children = runs()
    assert {number: run.data.tags[PARETO] for number, run in children.items()} == {0: "false", 1: "true"}
