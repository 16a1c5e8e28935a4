import sqlite3
from contextlib import closing

import pytest
from mlflow.store.db import utils

from search.tracking.database import create_database


def test_nothing_is_left_of_a_database_that_was_not_finished(workspace, monkeypatch) -> None:
    def ended(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(utils, "_upgrade_db", ended)  # after the first tables
    with pytest.raises(KeyboardInterrupt):
        create_database(workspace.tracking_file, workspace.artifacts)
    monkeypatch.undo()
    assert not workspace.root.exists() or not list(workspace.root.iterdir())


def test_one_that_is_there_stays(with_mlflow) -> None:
    with closing(sqlite3.connect(with_mlflow.tracking_file)) as database, database:
        database.execute("CREATE TABLE mine (x)")
    before = with_mlflow.tracking_file.read_bytes()
    create_database(with_mlflow.tracking_file, with_mlflow.artifacts)
    assert with_mlflow.tracking_file.read_bytes() == before
