from pathlib import Path

import pytest
from filelock import Timeout

from pipelines.store.held import held, is_held, nobody_holds


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "lock"


def test_a_lock_leaves_no_file_behind(lock: Path) -> None:
    with held(lock):
        assert lock.exists()
        assert is_held(lock)
    assert not lock.exists()
    assert not is_held(lock)


def test_it_is_given_back_when_the_work_fails(lock: Path) -> None:
    with pytest.raises(LookupError), held(lock):
        raise LookupError
    with held(lock, timeout_s=0):
        pass


def test_nobody_else_holds_it_meanwhile(lock: Path) -> None:
    with held(lock):
        with pytest.raises(Timeout), held(lock, timeout_s=0):
            pass
        with pytest.raises(Timeout), nobody_holds(lock):
            pass


def test_a_file_that_a_killed_process_left_is_held_by_nobody(lock: Path) -> None:
    lock.parent.mkdir()
    lock.touch()
    assert not is_held(lock)
    with nobody_holds(lock):
        assert is_held(lock)
    assert lock.exists()
