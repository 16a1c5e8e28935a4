import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from pipelines.store import Store, claim
from pipelines.store import store as store_module

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("BEAT_S", 0.05), ("DEAD_S", 0.6), ("POLL_S", 0.02), ("SETTLE_S", 0.01)):
        monkeypatch.setattr(claim, name, seconds)
    monkeypatch.setattr(store_module, "AWAY_S", 0.0)


@pytest.fixture(params=["folder", "file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """What is behind the folder: nothing, another folder, or what fsspec keeps in memory."""
    return {"folder": None, "file": f"file://{tmp_path}/far/away", "memory": f"memory://{uuid4().hex}/deep"}[
        request.param
    ]


@pytest.fixture
def store(tmp_path: Path, url: str | None) -> Store:
    return Store(tmp_path / "store", url)


@pytest.fixture
def far(tmp_path: Path) -> str:
    """A URL that several processes reach."""
    return f"file://{tmp_path}/far"


@pytest.fixture
def key() -> str:
    return KEY


@pytest.fixture
def write() -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "model.bin").write_bytes(b"weights")

    return write


@pytest.fixture
def wait_for() -> Callable[[Path], None]:
    def wait_for(file: Path) -> None:
        """Wait until another process has made `file`."""
        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline, f"{file} was never made"
            time.sleep(0.01)

    return wait_for
