from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.execution import whereabouts as module
from search.execution.last_words import SILENT, last_words
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

    def ask(told: tuple[str, str] | None, *, alive: bool = True) -> tuple[str, str]:
        nodes = [{**NODE, "Alive": alive}]
        fake = SimpleNamespace(get=lambda value, timeout: value, nodes=lambda: nodes, remote=Task)
        monkeypatch.setattr(module, "ray", fake)
        monkeypatch.setattr(module, "NodeAffinitySchedulingStrategy", lambda node, soft: None)
        hub = SimpleNamespace(whereabouts=SimpleNamespace(remote=lambda number: told))
        return Whereabouts(hub).how_it_ended(3)

    return ask


def test_of_a_trial_that_nobody_has_seen_nothing_is_known(knows) -> None:
    assert knows(None) == ("", "")


def test_a_node_that_is_gone_is_named(knows) -> None:
    assert knows(("edge", "/words/3.end"), alive=False) == ("", "its node edge-1 (10.0.0.2) was lost")


def test_last_words_are_read_on_the_node(knows, tmp_path: Path) -> None:
    left = tmp_path / "left.end"
    with last_words(tmp_path / "3.end"):
        left.write_bytes((tmp_path / "3.end").read_bytes())
    words, lost = knows(("edge", str(left)))
    assert words.startswith(SILENT)
    assert lost == ""


def test_a_worker_that_sees_the_workspace_has_left_them_there(knows) -> None:
    assert knows(("edge", "")) == ("", "")
