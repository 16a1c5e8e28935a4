from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.execution import remote_words as module
from search.execution.last_words import SILENT, last_words
from search.execution.remote_words import RemoteWords
from search.execution.whereabouts import Whereabouts

NODE = {"NodeID": "edge", "NodeManagerHostname": "edge-1", "NodeManagerAddress": "10.0.0.2"}


class Task:
    """Stands for a function that Ray runs: it is called at once."""

    def __init__(self, function: Any) -> None:
        self.remote = function

    def options(self, **_: Any) -> "Task":
        return self


@pytest.fixture
def knows(monkeypatch: pytest.MonkeyPatch):
    """What is known of a trial on a node, which lives or does not."""

    def ask(told: tuple[str, str] | None, *, alive: bool = True) -> tuple[str, bool]:
        nodes = [{**NODE, "Alive": alive}]
        fake = SimpleNamespace(get=lambda value, timeout: value, nodes=lambda: nodes, remote=Task)
        monkeypatch.setattr(module, "ray", fake)
        monkeypatch.setattr(module, "NodeAffinitySchedulingStrategy", lambda node, soft: None)
        place, words = told or (None, "")
        there = place and Whereabouts(3, "edge-1", place, (), 0.0)
        monkeypatch.setattr(module, "whereabouts", lambda number: there)
        hub = SimpleNamespace(words=SimpleNamespace(remote=lambda number: words))
        return RemoteWords(hub).left_by(3)

    return ask


def test_of_a_trial_that_nobody_has_seen_nothing_is_known(knows) -> None:
    assert knows(None) == ("", False)


def test_a_node_that_is_gone_is_not_asked(knows) -> None:
    assert knows(("edge", "/words/3.end"), alive=False) == ("", False)


@pytest.mark.parametrize("killed_at", [None, 1.0], ids=["died", "late"])
def test_last_words_are_read_on_the_node(knows, tmp_path: Path, killed_at: float | None) -> None:
    left = tmp_path / "left.end"
    with last_words(tmp_path / "3.end", killed_at):
        left.write_bytes((tmp_path / "3.end").read_bytes())
    words, late = knows(("edge", str(left)))
    assert words.startswith(SILENT)
    assert late is (killed_at is not None)


def test_a_worker_that_sees_the_workspace_has_left_them_there(knows) -> None:
    assert knows(("edge", "")) == ("", False)
