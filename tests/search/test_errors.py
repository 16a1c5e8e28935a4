import errno
import os

import pytest
from ray.tune.search import Searcher

from search.errors import FullDiskError, is_full
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
