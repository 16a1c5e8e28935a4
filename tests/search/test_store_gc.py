import os
from dataclasses import replace

import pytest

from pipelines import StageRun, Store
from pipelines.store import MANIFEST, claim
from search import store_gc as module
from search.execution.work import run_trial
from search.store_gc import StoreGC, front_keys, needed_keys
from search.study.saved import open_store
from search.study.state import SweepState
from search.study.study import Study
from search.study.workspace import SweepFolder
from spaces import InputError, Recipe

KEYS = [character * 32 for character in "abcdef"]
LIMIT_GB = 4500 / 1e9  # of entries of a kilobyte and a manifest


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    monkeypatch.setattr(claim, "SETTLE_S", 0.01)


def fill(store: Store) -> None:
    for seconds, key in enumerate(KEYS):
        manifest = store.compute(key, lambda folder: (folder / "file").write_bytes(bytes(1000)), {}).folder / MANIFEST
        os.utime(manifest, (1000.0 + seconds, 1000.0 + seconds))


def kept(place) -> list[str]:
    return sorted(record.key for record in place.records())


def finish(config, workspace, trial=None, state=None) -> None:
    """A trial ends, and then the sweep."""
    state = state or SweepState.of((), config)
    with StoreGC(config, workspace, state) as store_gc:
        store_gc.started(trial, state)
        store_gc.finished(trial, state)


def test_what_was_not_used_for_longest_makes_room(make_config, workspace) -> None:
    config = make_config(store={"limit_gb": LIMIT_GB})
    fill(open_store(config, workspace))
    finish(config, workspace)
    assert kept(Store(workspace.store).folder) == KEYS[-3:]


@pytest.mark.parametrize("limit", [None, 1.0])
def test_nothing_goes_without_need(make_config, workspace, limit) -> None:
    config = make_config(store={"limit_gb": limit})
    fill(open_store(config, workspace))
    finish(config, workspace)
    assert kept(Store(workspace.store).folder) == KEYS


def test_what_a_front_needs_stays_and_is_told_if_it_is_too_much(make_config, workspace, monkeypatch, caplog) -> None:
    config = make_config(store={"limit_gb": 1e-9})
    fill(open_store(config, workspace))
    monkeypatch.setattr(module, "needed_keys", lambda workspace: {KEYS[0], KEYS[3]})
    finish(config, workspace)
    assert kept(Store(workspace.store).folder) == [KEYS[0], KEYS[3]]
    assert "GB that fronts and running trials need, more than store.limit_gb (1e-09); raise it" in caplog.text


def test_what_a_worker_is_using_stays(make_config, workspace) -> None:
    config = make_config(store={"limit_gb": 1e-9})
    fill(open_store(config, workspace))
    with Store(workspace.store).pinned(KEYS[:1]):
        finish(config, workspace)
    assert kept(Store(workspace.store).folder) == KEYS[:1]


def test_while_a_sweep_cannot_be_read_nothing_is_evicted(make_config, workspace, folder, caplog) -> None:
    config = make_config(store={"limit_gb": 1e-9})
    fill(open_store(config, workspace))
    folder.config.write_text("sweep: [", encoding="utf-8")
    finish(config, workspace)
    assert kept(Store(workspace.store).folder) == KEYS
    assert "the store is not looked after: InputError" in caplog.text


def test_behind_a_url_the_limit_holds_too_and_the_front_is_told_there(
    make_config, make_trial, workspace, tmp_path
) -> None:
    config = make_config(store={"url": f"file://{tmp_path}/far", "limit_gb": LIMIT_GB})
    store = open_store(config, workspace)
    fill(store)
    trial = make_trial(0, (0.9, 1.0, 1.0))
    trial = replace(trial, result=replace(trial.result, stages=(StageRun("teacher", KEYS[0], 1.0, False),)))
    finish(config, workspace, trial, SweepState.of([trial], config))
    assert KEYS[0] in kept(store.remote)
    assert len(kept(store.remote)) < len(KEYS)
    with store.remote.still() as needed:
        assert needed == {KEYS[0]}


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
    assert front_keys(SweepState.of(trials, config)) == {"teacher", "file", "student", "small"}
    assert front_keys(SweepState.of([], config)) == set()


def test_every_sweep_of_the_workspace_counts(make_config, analytic, workspace, ask) -> None:
    assert needed_keys(workspace) == set()
    for name in "ab":
        config, folder = make_config(sweep=name), workspace.sweep(name)
        study = Study(config, folder)
        folder.config.write_text(config.dump(), encoding="utf-8")
        made = replace(analytic(ask(study).recipe), stages=(StageRun("teacher", name * 32, 1.0, reused=False),))
        study.tell(run_trial(0, Recipe(), lambda recipe, made=made: made))
    assert needed_keys(workspace) == {"a" * 32, "b" * 32}


def test_a_sweep_that_cannot_be_read_is_told(workspace, folder: SweepFolder) -> None:
    folder.config.write_text("sweep: [", encoding="utf-8")
    with pytest.raises(InputError, match="not YAML"):
        needed_keys(workspace)
