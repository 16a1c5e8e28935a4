import errno
import os
from pathlib import Path

import pytest
from ray.tune.search import Searcher

from search.errors import FullDiskError, is_full, unusable
from search.execution.ray_executor import ENDS, StudySearcher
from search.study.study import Study, read_trials
from search.suggest.queue import StudyQueue


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


def test_a_worker_without_room_gives_its_trial_back(make_config, folder) -> None:
    study = Study(make_config(), folder)
    source = StudyQueue(study)
    searcher = StudySearcher(source, folder.results)
    given = searcher.suggest("tune-1")["trial"]
    searcher.on_trial_complete("tune-1", {"number": 0, ENDS: "no room", "done": True})
    assert searcher.ended_by == "no room"
    assert searcher.suggest("tune-2") == Searcher.FINISHED
    assert study.trials[0].state == "running"
    assert source.next() == given


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
