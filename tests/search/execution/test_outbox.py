"""The two ways from a worker to the driver lead to the same files."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.execution import outbox as module
from search.execution.hub import Hub
from search.execution.notices import Notices
from search.execution.outbox import HubOutbox, Outbox, OwnOutbox
from search.study.outcome import Failed
from search.study.trial import Result


class Direct:
    """Stands for the handle of an actor: its methods are called at once."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=getattr(self.actor, name))


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path / "store", tmp_path / "results")


@pytest.fixture(params=["own", "hub"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    monkeypatch.setattr(module, "ray", SimpleNamespace(get=lambda value: value))
    if request.param == "own":
        return OwnOutbox(tmp_path / "results")
    return HubOutbox(Direct(hub), tmp_path / "words")


def test_a_result_is_on_the_drivers_disk(outbox: Outbox, tmp_path: Path) -> None:
    result = Result(3, 1.0, 2.0, Failed("no luck"))
    outbox.write(result)
    assert Result.read(tmp_path / "results", 3) == result


def test_a_notice_comes_to_the_driver(outbox: Outbox, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox.say("waiting for process 17")
    Notices(tmp_path / "results").look()
    assert "waiting for process 17" in caplog.text


def test_the_hub_knows_of_last_words_that_it_does_not_see(outbox: Outbox, hub: Hub, tmp_path: Path) -> None:
    words = outbox.begin(3)
    own = words.is_relative_to(tmp_path / "results")
    assert hub.words(3) == ("" if own else str(words))
    assert hub.words(4) == ""
