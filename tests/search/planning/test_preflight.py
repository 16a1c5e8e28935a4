import pytest

from search.planning import preflight as module
from search.planning.preflight import preflight
from spaces import InputError, Problem


@pytest.fixture
def task(monkeypatch) -> object:
    """The task of every sweep; nothing is wrong with it unless a test says so."""
    task = object()
    monkeypatch.setattr(module, "load_task", lambda use, args: task)
    monkeypatch.setattr(module, "task_problems", lambda task, space: [])
    return task


def test_a_task_that_works_is_given_back(make_config, task) -> None:
    assert preflight(make_config()) is task


def test_a_store_that_can_be_reached_is_no_problem(make_config, task, tmp_path) -> None:
    assert preflight(make_config(store={"url": f"file://{tmp_path}/far"})) is task


def test_problems_of_the_task_and_of_the_store_are_told_at_once(make_config, task, monkeypatch) -> None:
    config = make_config(store={"url": "s4://bucket/folder"})

    def problems(*asked: object) -> list[Problem]:
        assert asked == (task, config.space)
        return [Problem("task.use", "it has no wheels")]

    monkeypatch.setattr(module, "task_problems", problems)
    with pytest.raises(InputError) as caught:
        preflight(config)
    first, second = (str(problem) for problem in caught.value.problems)
    assert first == "task.use: it has no wheels"
    assert second.startswith("store.url: 's4://bucket/folder' cannot be used: Protocol not known: s4; check the URL")
