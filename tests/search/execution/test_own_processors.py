import os
from pathlib import Path

import pytest

from pipelines import Target
from search.config.sections import ClusterSection
from search.execution.own_processors import Apart, kept_off, set_apart


@pytest.fixture
def eight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of eight processors, two of which share a core: 0 and 4, 1 and 5, and so on."""
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)), raising=False)
    for number in range(8):
        folder = tmp_path / f"cpu{number}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{number % 4},{number % 4 + 4}\n", encoding="ascii")
    return tmp_path


@pytest.mark.parametrize(
    ("cluster", "target", "gpus", "processors", "left"),
    [
        ({"gpus_per_trial": 1}, Target(), 4, (3, 7), 6),
        ({"gpus_per_trial": 1}, Target(threads=2), 4, (2, 3, 6, 7), 4),
        ({"gpus_per_trial": 0.25, "max_concurrent_trials": 6}, Target(), 4, (3, 7), 6),
    ],
    ids=["a core", "two cores", "as many trials as there is room for"],
)
def test_whole_cores_are_set_apart_where_trainings_run_on_gpus(eight, cluster, target, gpus, processors, left) -> None:
    found = set_apart(ClusterSection(**cluster), [target], gpus, have=8, topology=eight)
    shown = ", ".join(map(str, processors))
    words = f"files are measured on processors {shown}, which no training uses, so that trainings go on"
    assert found == Apart(processors, words, left)


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (
            {"gpus_per_trial": 0.5},
            "trainings pause while a file is measured: 8 trials at once need 8 processors and measuring 2, and there "
            "are 8",
        ),
        (
            {"gpus_per_trial": 1, "address": "auto"},
            "trainings pause while a file is measured on the same machine; with target.resource, files are measured on "
            "others",
        ),
        ({}, ""),
    ],
    ids=["too few processors", "a cluster", "trainings on processors"],
)
def test_trainings_pause_where_nothing_can_be_set_apart(eight, cluster, words) -> None:
    assert set_apart(ClusterSection(**cluster), [Target()], 4, have=8, topology=eight) == Apart(words=words)


def test_nothing_is_set_apart_where_other_machines_measure(eight) -> None:
    cluster = ClusterSection(gpus_per_trial=1, address="auto")
    assert set_apart(cluster, [], 4, have=8, topology=eight) == Apart()


def test_a_machine_that_does_not_tell_its_cores_gives_single_processors(eight, tmp_path: Path) -> None:
    found = set_apart(ClusterSection(gpus_per_trial=1), [Target()], 4, have=8, topology=tmp_path / "none")
    assert found.processors == (7,)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_a_process_is_kept_off_processors_for_a_while() -> None:
    before = os.sched_getaffinity(0)
    with kept_off([max(before)]):
        assert os.sched_getaffinity(0) == before - {max(before)}
    assert os.sched_getaffinity(0) == before
