from dataclasses import replace

import pytest

from pipelines import StageRun
from search.needed_keys import front_keys, needed_keys
from search.study.state import Standing
from search.study.study import Study
from search.study.trial import run_trial
from search.study.workspace import SweepFolder
from spaces import InputError, Recipe


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


def test_every_sweep_of_the_workspace_counts(make_config, analytic, workspace) -> None:
    assert needed_keys(workspace) == set()
    for name in "ab":
        config, folder = make_config(sweep=name), workspace.sweep(name)
        study = Study(config, folder)
        folder.config.write_text(config.dump(), encoding="utf-8")
        made = replace(analytic(study.ask().recipe), stages=(StageRun("teacher", name * 32, 1.0, reused=False),))
        study.tell(run_trial(0, Recipe(), lambda recipe, made=made: made))
    assert needed_keys(workspace) == {"a" * 32, "b" * 32}


def test_a_sweep_that_cannot_be_read_is_told(workspace, folder: SweepFolder) -> None:
    folder.config.write_text("sweep: [", encoding="utf-8")
    with pytest.raises(InputError, match="not YAML"):
        needed_keys(workspace)
