import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from search.errors import SweepError
from search.study.workspace import Workspace
from spaces import InputError

HOLD = """
import sys
from pathlib import Path
from search.study.workspace import Workspace
with Workspace(Path(sys.argv[1])).sweep("small").lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(workspace):
    """Another process that holds the sweep ``small``."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_one_driver_at_a_time_and_the_lock_goes_with_its_process(workspace, holder) -> None:
    folder = workspace.sweep("small")
    assert folder.is_running()
    with (
        pytest.raises(SweepError, match=r"in another process; .* paredown status small"),
        folder.lock(),
    ):
        pass
    with workspace.sweep("other").lock():
        pass
    holder.kill()
    holder.wait()
    assert not folder.is_running()
    with folder.lock():
        pass


def test_a_look_at_the_lock_makes_no_folder(workspace) -> None:
    assert not workspace.sweep("small").is_running()
    assert not workspace.root.exists()


def test_the_lock_is_given_back_when_the_work_fails(workspace) -> None:
    with pytest.raises(ZeroDivisionError), workspace.sweep("small").lock():
        _ = 1 / 0
    assert not workspace.sweep("small").is_running()


def test_a_sweep_is_known_once_its_configuration_is(workspace, folder) -> None:
    with workspace.sweep("begun").lock():
        pass
    assert workspace.sweeps() == ["small"]
    assert workspace.existing("small") == folder
    with pytest.raises(InputError, match="did you mean 'small'"):
        workspace.existing("smal")
    with pytest.raises(InputError, match="give the sweep's name, not its file"):
        workspace.existing("small.yaml")


def test_a_workspace_has_an_identity_of_its_own(workspace, tmp_path) -> None:
    mine = workspace.identity()
    assert Workspace(workspace.root).identity() == mine
    assert Workspace(tmp_path / "other").identity() != mine
    assert [path.name for path in workspace.root.iterdir()] == ["identity"]


def test_an_earlier_sweep_is_put_aside_whole(workspace, folder) -> None:
    text = folder.config.read_text(encoding="utf-8")
    aside = folder.set_aside()
    assert aside is not None
    assert aside.name.startswith("small@")
    assert (aside / "config.yaml").read_text(encoding="utf-8") == text
    assert workspace.sweeps() == []
    assert folder.set_aside() is None


def test_the_default_workspace(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PAREDOWN_HOME", raising=False)
    assert Workspace.default().root == tmp_path / ".paredown"
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("PAREDOWN_HOME", "~/runs")  # as it comes from a file of settings, which no shell has read
    assert Workspace.default().root == Path("/home/somebody/runs")
    monkeypatch.setenv("PAREDOWN_HOME", "elsewhere")
    assert Workspace.default().root == tmp_path / "elsewhere"


def test_an_earlier_sweep_without_its_configuration_is_put_aside_too(workspace, folder) -> None:
    folder.config.unlink()
    folder.journal.write_text("{}\n", encoding="utf-8")
    aside = folder.set_aside()
    assert aside is not None
    assert [path.name for path in aside.iterdir()] == ["journal.log"]


def test_nothing_is_put_aside_over_something_else(workspace, config, monkeypatch) -> None:
    """Twice within a second, and once more where a person has a folder of that name."""
    names = []
    for _ in range(3):
        folder = workspace.sweep("small")
        folder.path.mkdir(parents=True)
        folder.config.write_text(config.dump(), encoding="utf-8")
        names.append(folder.set_aside().name)
    assert len(set(names)) == 3
    assert sorted(path.name for path in workspace.studies.iterdir()) == sorted(names)


ODD = ["a b", "a%20b", "a?b", "a#b", "a%b", "a;b", "a&b=c", "a'b", "ä€", "a:b", "a[b]", "100%", "a+b", "~"]


@pytest.mark.parametrize("name", ODD)
def test_mlflows_store_lies_in_the_workspace_whatever_its_path_is(tmp_path, name) -> None:
    workspace = Workspace(tmp_path / name / "home")
    workspace.root.mkdir(parents=True)
    with create_engine(workspace.tracking_uri).connect() as connection:
        connection.execute(text("create table found (here integer)"))
    assert workspace.tracking_file.read_bytes().startswith(b"SQLite format 3")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert make_url(workspace.tracking_uri).database == str(workspace.tracking_file)


def test_a_path_that_is_not_utf_8_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PAREDOWN_HOME", os.fsdecode(os.fsencode(tmp_path) + b"/f\xff"))
    with pytest.raises(InputError, match="is not UTF-8: neither MLflow nor Ray can use it; set PAREDOWN_HOME"):
        Workspace.default()
