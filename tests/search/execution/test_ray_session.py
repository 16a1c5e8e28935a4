import pytest
import ray

from search.errors import SweepError
from search.execution.ray_session import RaySession


def test_what_cannot_be_reached_is_told_with_what_helps(monkeypatch) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError("nobody answers\nand more")

    left: list[str] = []
    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(ray, "shutdown", lambda: left.append("Ray"))
    session = RaySession("head:6379", lambda words: None)
    session.leave()
    assert left == []
    with pytest.raises(SweepError, match=r"cannot reach Ray at 'head:6379': nobody answers; check cluster.address"):
        session.connect()
    session.leave()
    assert left == ["Ray"]
