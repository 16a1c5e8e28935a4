from dataclasses import replace

import pytest

from pipelines import StageRun
from search.needed import front_keys, needed_keys
from search.standing import Standing
from search.workspace import SweepFolder
from spaces import InputError


def with_stages(trial, *keys):
    stages = tuple(StageRun("stage", key, 1.0, reused=False) for key in keys)
    return replace(trial, result=replace(trial.result, stages=stages))


def test_fronts_need_what_led_to_their_members_and_to_the_teacher(config, make_trial) -> None:
    trials = [
        with_stages(make_trial(0, (0.9, 9.0, 9.0)), "teacher", "file"),  # dominated, but all is compared with it
        with_stages(make_trial(1, (0.95, 1.0, 1.0)), "teacher", "student", "small"),
        with_stages(make_trial(2, (0.5, 2.0, 2.0)), "teacher", "useless"),
        make_trial(3, reason="diverged"),
        make_trial(4),
    ]
    assert front_keys(Standing.of(trials, config)) == {"teacher", "file", "student", "small"}
    assert front_keys(Standing.of([], config)) == set()


def test_every_sweep_of_the_workspace_counts(make_config, run_inline, workspace) -> None:
    assert needed_keys(workspace) == set()
    for name in "ab":
        run_inline(make_config(sweep=name, search={"trials": 2}))
    assert needed_keys(workspace) == {"t" * 32, "e" * 32}


def test_a_sweep_that_cannot_be_read_is_told(workspace, folder: SweepFolder) -> None:
    folder.config.write_text("sweep: [", encoding="utf-8")
    with pytest.raises(InputError, match="not YAML"):
        needed_keys(workspace)
