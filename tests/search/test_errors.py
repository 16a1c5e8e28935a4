import errno
import os
from pathlib import Path

import pytest

from search.errors import FullDiskError, is_full, unusable
from search.study.study import read_trials


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model.onnx"), True),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), True),
        (RuntimeError("I/O error: No space left on device (os error 28)"), True),
        (OSError(errno.EACCES, os.strerror(errno.EACCES)), False),
        (ValueError("no"), False),
    ],
)
def test_a_full_disk_is_recognised(error, full) -> None:
    assert is_full(error) == full


def test_a_full_disk_ends_the_sweep_and_no_trial_fails_by_it(make_config, run_inline, analytic, workspace) -> None:
    config, done = make_config(search={"trials": 6}), []

    def evaluate(recipe):
        if len(done) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "weights.safetensors")
        done.append(recipe)
        return analytic(recipe)

    with pytest.raises(FullDiskError, match=r"the disk is full: .*weights\.safetensors.*paredown store clean --unused"):
        run_inline(config, evaluate)
    assert [trial.state for trial in read_trials(workspace.sweep("small"))] == ["complete"] * 3 + ["running"]
    sweep = run_inline(config, analytic)
    assert (sweep.state.complete, sweep.state.failed) == (6, 0)


def refusal(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (refusal(errno.EROFS, "/w/home/studies"), "no state can be kept in /w/home: /w/home/studies: Read-only file "),
        (
            refusal(errno.EACCES, "/w"),
            "no state can be kept in /w/home: /w: Permission denied; set PAREDOWN_",
        ),
        (refusal(errno.ENOTDIR, "/w/home"), "no state can be kept in /w/home: /w/home: Not a directory; set PAREDOWN_"),
        (refusal(errno.ENAMETOOLONG, "/data/aaa"), "/data/aaa: File name too long; use a shorter name"),
        (refusal(errno.ENOENT, "/data/aaa"), ""),
        (OSError("a bug"), ""),
    ],
    ids=["read-only", "above the workspace", "a file", "too long", "elsewhere", "not of a path"],
)
def test_a_path_that_is_of_no_use_is_told_with_what_to_do(error, told) -> None:
    said = unusable(error, Path("/w/home"))
    assert said.startswith(told)
    assert bool(said) == bool(told)


def test_a_current_folder_that_is_gone_is_told(cli_run, tmp_path, monkeypatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    monkeypatch.delenv("PAREDOWN_HOME", raising=False)
    (tmp_path / "gone").rmdir()
    told = "paredown: the current folder no longer exists; change to one that does\n"
    assert cli_run("status") == (1, "", told)


def test_a_workspace_that_is_a_file_is_told(cli_run, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "file"))
    told = f"paredown: PAREDOWN_HOME: {tmp_path / 'file'} is a file; set it to a folder, which need not exist yet\n"
    assert cli_run("status") == (2, "", told)


def test_a_workspace_that_cannot_be_made_is_told(cli_run, write_yaml, make_raw, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "file/home"))
    code, out, err = cli_run("run", write_yaml(make_raw()))
    assert (code, out) == (1, "")
    assert f"no state can be kept in {tmp_path / 'file/home'}: " in err
    assert "set PAREDOWN_HOME to a folder that can be written" in err
    assert "Traceback" not in err
