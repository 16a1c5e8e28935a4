import sqlite3

import pytest

from search.config.tracking_address import LEGAL, address_problem, file_problem, is_server, shown


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "https://user:secret@tracking.example/path",
        "sqlite:////home/me/mlflow.db",
        "postgresql+psycopg2://me@db/runs",
        "mysql://db/runs",
        "databricks",
        "databricks://profile",
    ],
)
def test_addresses_that_there_can_be(uri: str) -> None:
    assert address_problem(uri) is None


@pytest.mark.parametrize("uri", ["nonsense", "ftp://x", "file:mlruns", "mlruns", "sqlite", "a=b", ""])
def test_what_is_no_address_is_told_with_what_is_one(uri: str) -> None:
    assert address_problem(uri) == f"{uri!r} is no address of a tracking store; legal: {LEGAL}"


@pytest.mark.parametrize("uri", ["http://", "https:", "http://[::1"])
def test_a_server_has_a_host(uri: str) -> None:
    assert address_problem(uri) == f"{uri!r} names no host; legal: {LEGAL}"


def test_a_sweeps_file_is_refused(make_config) -> None:
    with pytest.raises(Exception, match=r"tracking\.uri: 'ftp://x' is no address of a tracking store"):
        make_config(tracking={"uri": "ftp://x"})


def test_passwords_are_not_shown() -> None:
    assert shown("postgresql://me:secret@db:5432/runs") == "postgresql://db:5432/runs"
    assert shown("sqlite:////home/me@work/mlflow.db") == "sqlite:////home/me@work/mlflow.db"


def test_servers_are_told_from_databases() -> None:
    assert is_server("https://tracking.example")
    assert not is_server("sqlite:////home/me/mlflow.db")


def test_the_file_of_a_database_has_to_be_one_that_can_be_written(tmp_path) -> None:
    whole, other, folder = tmp_path / "a b.db", tmp_path / "other.db", tmp_path / "folder"
    with sqlite3.connect(whole) as database:
        database.execute("CREATE TABLE runs (id)")
    database.close()
    other.write_text("no database at all, but a text that is long enough", encoding="utf-8")
    folder.mkdir()
    for right in (whole, tmp_path / "new" / "folder" / "x.db"):
        assert file_problem(f"sqlite:///{right}") is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a b.db", "folder", "other.db"]  # nothing was made
    for wrong, reason in (
        (other, "file is not a database"),
        (folder, "unable to open database file"),
        (other / "x.db", "Not a directory"),
    ):
        assert file_problem(f"sqlite:///{wrong}") == (
            f"'sqlite:///{wrong}' cannot be used: {wrong}: {reason}; give the path of a file that can be written: "
            "sqlite:///FILE"
        )
    for none in ("sqlite://", "sqlite:///:memory:", "http://127.0.0.1:1", "postgresql://u@h/db", "databricks"):
        assert file_problem(none) is None
