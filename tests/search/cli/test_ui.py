import os
import socket
import time

import pytest


@pytest.fixture
def served(monkeypatch):
    """The command lines of the servers that would have taken this process' place."""
    lines = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: lines.append(arguments))
    return lines


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_it_says_where_the_latest_sweep_is(cli_run, make_config, run_inline, served, free_port) -> None:
    for name in ("older", "newer"):
        run_inline(make_config(sweep=name, search={"trials": 2}))
        time.sleep(0.01)
    code, out, err = cli_run("ui", "--port", free_port)
    assert (code, out) == (0, "")
    assert f"sweep newer: http://127.0.0.1:{free_port}/#/experiments/" in err
    assert f"its charts: http://127.0.0.1:{free_port}/#/experiments/" in err
    assert "viewStateShareKey=paredown-" in err
    assert "sweep older" in cli_run("ui", "older", "--port", free_port)[2]
    assert served[0][1:4] == ["-m", "mlflow", "server"]
    assert served[0][served[0].index("--workers") + 1] == "1"


def test_a_port_that_is_taken_is_told(cli_run, folder, with_mlflow, served) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = cli_run("ui", "--port", port)
    assert code == 1
    assert f"port {port} is taken" in err
    assert f"paredown ui --port {port + 1}" in err
    assert served == []


def test_a_host_that_is_not_this_machine_is_told(cli_run, folder, with_mlflow, served) -> None:
    code, _, err = cli_run("ui", "--host", "192.0.2.1")
    assert code == 2
    assert "'192.0.2.1' is not an address of this machine" in err
    assert served == []


def test_an_unknown_sweep_is_told(cli_run, folder, with_mlflow, served) -> None:
    code, _, err = cli_run("ui", "smal")
    assert code == 2
    assert "small" in err
    assert served == []


def test_a_sweep_on_a_tracking_server_is_shown_there(cli_run, make_config, run_inline, served, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    run_inline(make_config(search={"trials": 1}, tracking={"uri": "http://127.0.0.1:9"}))
    code, _, err = cli_run("ui")
    assert code == 1
    assert "sweep small is on the tracking server http://127.0.0.1:9" in err
    assert "MLflow does not answer" in err
    assert served == []


def test_a_sweep_that_mlflow_does_not_have_yet_is_told(cli_run, folder, with_mlflow, served, free_port) -> None:
    code, _, err = cli_run("ui", "--port", free_port)
    assert code == 0
    assert "sweep small is not in it yet" in err


def test_a_store_that_is_no_database_is_told(cli_run, folder, with_mlflow, served) -> None:
    with_mlflow.tracking_file.write_text("not a database", encoding="utf-8")
    code, out, err = cli_run("ui")
    assert (code, out) == (1, "")
    assert f"{with_mlflow.tracking_file} is not an SQLite database; move it away and run the sweeps again" in err
    assert served == []
