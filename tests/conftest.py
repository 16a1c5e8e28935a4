import os
import shutil
import tempfile
from pathlib import Path

import pytest

LONGEST = ("test_survival.py", "test_command_line.py", "test_pages.py")
"""The files that all others can be done beside: they begin first, so that nothing waits for them in the end."""

WORKER = "PYTEST_XDIST_WORKER"


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker of xdist a temporary folder of its own, with its own locks for measuring.

    The sweeps of one would else pause while one of another measures; no test reads how long anything took.
    """
    if worker := os.environ.get(WORKER):
        os.environ["TMPDIR"] = tempfile.mkdtemp(prefix=f"{worker}-", dir="/tmp")  # short, as sockets go into it
        tempfile.tempdir = None


def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get(WORKER):
        shutil.rmtree(Path(os.environ["TMPDIR"]), ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "gpu" not in config.option.markexpr:  # tests for a GPU are asked for, not skipped
        rest = [item for item in items if not item.get_closest_marker("gpu")]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("gpu")])
        items[:] = rest
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
