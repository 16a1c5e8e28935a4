from pathlib import Path

import pytest

from search.execution import notices
from search.execution.notices import Notices, leave_notice


@pytest.fixture(autouse=True)
def no_pause(monkeypatch) -> None:
    monkeypatch.setattr(notices, "EVERY_S", 0.0)


def test_what_a_worker_says_is_told_once(tmp_path: Path, caplog) -> None:
    driver = Notices(tmp_path)
    driver.look()
    leave_notice(tmp_path, "waiting for process 17")
    driver.look()
    leave_notice(tmp_path, "waiting for process 17")
    driver.look()
    leave_notice(tmp_path, "waiting for process 18")
    driver.look()
    assert caplog.messages == ["waiting for process 17", "waiting for process 18"]
    assert list(tmp_path.iterdir()) == []


def test_a_notice_that_cannot_be_left_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    leave_notice(tmp_path / "file", "waiting")


def test_it_does_not_look_all_the_time(tmp_path: Path, caplog, monkeypatch) -> None:
    driver = Notices(tmp_path)
    driver.look()
    monkeypatch.setattr(notices, "EVERY_S", 3600.0)
    leave_notice(tmp_path, "waiting for process 17")
    driver.look()
    assert caplog.messages == []
