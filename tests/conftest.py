import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

LONGEST = ("test_survival.py", "test_command_line.py", "test_pages.py")
"""The files that all others can be done beside: they begin first, so that nothing waits for them in the end."""

MLFLOW = "empty_mlflow"
"""The fixture on which all tests rest that write to MLflow's store, where a sweep takes a second or more."""

FOLDERS = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker of xdist a temporary folder of its own, with its own locks for measuring.

    The sweeps of one would else pause while one of another measures; no test reads how long anything took.
    """
    if hasattr(config, "workerinput"):
        os.environ["TMPDIR"] = config.workerinput["folder"]
        tempfile.tempdir = None
    elif config.option.numprocesses:
        config.stash[FOLDERS] = tempfile.TemporaryDirectory(prefix="gw", dir="/tmp")  # short, as sockets go into it
        Path(config.stash[FOLDERS].name).chmod(0o755)  # a database server is another user's


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    folder = Path(node.config.stash[FOLDERS].name) / node.gateway.id
    folder.mkdir()
    node.workerinput["folder"] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if folders := config.stash.get(FOLDERS, None):
        folders.cleanup()


@pytest.hookimpl(tryfirst=True)  # before those that were not asked for are left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if MLFLOW in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    if "gpu" not in config.option.markexpr:  # tests for a GPU are asked for, not skipped
        rest = [item for item in items if not item.get_closest_marker("gpu")]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("gpu")])
        items[:] = rest
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
