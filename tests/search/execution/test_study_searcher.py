from dataclasses import replace
from types import SimpleNamespace

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError
from ray.tune.search import Searcher

from pipelines.evaluator import Unmeasured
from pipelines.measurement import Measurement
from search.execution.refused_nodes import RefusedNodes
from search.execution.study_searcher import CROWDED, ENDS, REFUSED, StudySearcher
from search.execution.trial_limits import TrialLimits
from search.execution.worker import resources
from search.study.outcome import Complete
from search.study.study import Study
from search.study.trial import Result
from search.suggest.queue import StudyQueue


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


@pytest.mark.parametrize("others", [True, False])
def test_a_node_that_cannot_work_gets_no_more_trials(make_config, folder, monkeypatch, caplog, others: bool) -> None:
    """Its trial is given to another node; without one that could run it, the sweep ends."""
    nodes = [{"NodeID": "bad", "Alive": True, "Resources": {"CPU": 2.0}}]
    nodes += [{"NodeID": "good", "Alive": others, "Resources": {"CPU": 2.0}}]
    nodes += [{"NodeID": "meter", "Alive": True, "Resources": {"edge": 1.0}}]
    monkeypatch.setattr("ray.nodes", lambda: nodes)
    refused = RefusedNodes(lambda resources: "CPU" in resources)
    study = Study(make_config(), folder)
    searcher = StudySearcher(StudyQueue(study), folder.results, refused=refused)
    first = searcher.suggest("tune-1")
    assert "bundle_label_selector" not in resources(study.config.cluster, first)._kwargs
    searcher.on_trial_complete("tune-1", {"number": 0, REFUSED: ("bad", "edge has Python 3.10"), "done": True})
    assert study.trials[0].state == "running"
    assert "edge has Python 3.10; it gets no trials" in caplog.text
    if others:
        again = searcher.suggest("tune-2")
        assert again["trial"] == first["trial"]
        selector = {"bundle_label_selector": [{"ray.io/node-id": "!in(bad)"}]}
        assert resources(study.config.cluster, again)._kwargs == selector
    else:
        assert searcher.ended_by.startswith("no other node of the cluster is left that could run trials: edge has")
        assert searcher.suggest("tune-2") == Searcher.FINISHED


def test_a_worker_that_cannot_start_ends_the_sweep_and_fails_no_trial(make_config, folder) -> None:
    study = Study(make_config(), folder)
    searcher = StudySearcher(StudyQueue(study), folder.results)
    searcher.suggest("tune-1")
    cause = RayTaskError("setup", "ModuleNotFoundError: No module named 'nets'", ModuleNotFoundError())
    searcher.note_error("tune-1", ActorDiedError(cause))
    searcher.on_trial_complete("tune-1", error=True)
    assert searcher.ended_by.startswith("no worker can start: ")
    assert "ModuleNotFoundError: No module named 'nets'; see that each node has it" in searcher.ended_by
    assert study.trials[0].state == "running"


class FakeWords:
    """Knows of every worker the same."""

    def __init__(self, words: str, late: bool) -> None:
        self.known = words, late

    def left_by(self, number: int) -> tuple[str, bool]:
        return self.known


@pytest.mark.parametrize(
    ("words", "late", "said"),
    [
        ("it ended with signal SIGSEGV: mine.py", False, "died twice over this trial: it ended with signal SIGSEGV"),
        ("it did not stop", True, "the trial took more than 1m30s and was ended (cluster.trial_timeout)"),
        ("", False, "died twice over this trial: it was killed by another process"),
    ],
    ids=["signal", "late", "nothing"],
)
def test_what_is_known_on_another_node_is_the_reason(make_config, folder, words: str, late: bool, said: str) -> None:
    study = Study(make_config(search={"trials": 1}), folder)
    known, limits = FakeWords(words, late), TrialLimits(timeout_s=90)
    searcher = StudySearcher(StudyQueue(study), folder.results, limits=limits, remote_words=known)
    searcher._kernel = SimpleNamespace(any=False)
    for number in (1, 2):
        searcher.suggest(f"tune-{number}")
        searcher.on_trial_complete(f"tune-{number}", error=True)
    assert said in study.trials[0].failure.reason


class FakeLane:
    """Keeps what it is given until a test has it measured."""

    is_full = False

    def __init__(self) -> None:
        self.waiting, self.measured = [], []

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, built) -> None:
        self.waiting.append(built)

    def collect(self, timeout_s=0.0):
        for built, result in self.measured:
            self.waiting.remove(built)
            yield built, result
        self.measured = []


@pytest.fixture
def laned(make_config, folder):
    """A searcher with a lane, and what it looks at; the sweep has two trials."""
    study = Study(make_config(search={"trials": 2}), folder)
    lane = FakeLane()
    return study, lane, StudySearcher(StudyQueue(study), folder.results, lane)


def build(results, number: int) -> Result:
    found = Complete(Measurement({"accuracy": 0.9}), "own")
    built = Result(number, 100.0, 110.0, found, unmeasured=(Unmeasured("", "own", "parent", "reference"),))
    built.write(results)
    return built


def measured(built: Result) -> Result:
    found = Measurement({"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0})
    return replace(built, outcome=Complete(found, "own"), unmeasured=())


def test_a_trial_ends_when_its_file_was_measured_and_its_worker_goes_on_before(laned, folder) -> None:
    study, lane, searcher = laned
    searcher.suggest("tune-1")
    built = build(folder.results, 0)
    searcher.on_trial_complete("tune-1", {"number": 0, "done": True})
    assert lane.waiting == [built]
    assert searcher.suggest("tune-2")["trial"].number == 1
    assert study.trials[0].state == "running"
    assert searcher.suggest("tune-3") is None  # not the end: one is measured yet
    lane.measured = [(built, measured(built))]
    searcher.take_measured()
    assert study.trials[0].state == "complete"
    assert list(folder.results.iterdir()) == []


def test_what_was_measured_on_one_of_two_targets_is_kept(laned, folder) -> None:
    study, lane, searcher = laned
    searcher.suggest("tune-1")
    built = build(folder.results, 0)
    searcher.on_trial_complete("tune-1", {"number": 0, "done": True})
    half = replace(built, outcome=Complete(Measurement({"latency_ms@edge": 1.0}), "own"))
    lane.measured = [(built, half)]
    searcher.take_measured()
    assert study.trials[0].state == "running"
    assert Result.read_built(folder.results, 0) == half


def test_what_was_built_before_an_interruption_is_only_measured(laned, folder) -> None:
    _, lane, searcher = laned
    built = build(folder.results, 0)
    assert searcher.suggest("tune-1")["trial"].number == 1
    assert lane.waiting == [built]


def test_no_more_is_built_while_the_lane_is_full(laned) -> None:
    study, lane, searcher = laned
    lane.is_full = True
    assert searcher.suggest("tune-1") is None
    assert study.trials == []


def test_a_file_that_is_lost_is_built_again(laned, folder) -> None:
    study, lane, searcher = laned
    for tune_id in ("tune-1", "tune-2"):
        searcher.suggest(tune_id)
        built = build(folder.results, 0)
        searcher.on_trial_complete(tune_id, {"number": 0, "done": True})
        lane.measured = [(built, None)]
        searcher.take_measured()
        assert list(folder.results.iterdir()) == []
    assert study.trials[0].failure.reason.startswith("its file was built twice, and twice it was gone from the store")


def test_what_is_in_the_lane_when_ray_ends_is_measured_another_time(laned, folder) -> None:
    study, lane, searcher = laned
    given = searcher.suggest("tune-1")["trial"]
    built = build(folder.results, 0)
    searcher.settle(given)
    assert study.trials[0].state == "running"
    searcher.suggest("tune-2")
    assert lane.waiting == [built]


class FakeNodes:
    """Nodes of which the fate is known."""

    def __init__(self, fate: str) -> None:
        self.known, self.waited = fate, []

    def fate(self, trial: int, *, wait: bool):
        self.waited.append(wait)
        return self.known, "gpu-3"


def searching(make_config, folder, **options):
    study = Study(make_config(search={"trials": 2}), folder)
    return study, StudySearcher(StudyQueue(study), folder.results, **options)


def test_a_trial_without_gpu_memory_is_tried_once_with_a_gpu_to_itself(make_config, folder) -> None:
    study, searcher = searching(make_config, folder, shares_gpu=True)
    assert searcher.suggest("tune-1")["shares_gpu"]
    searcher.on_trial_complete("tune-1", {"number": 0, CROWDED: "out of GPU memory", "done": True})
    assert study.trials[0].state == "running"
    again = searcher.suggest("tune-2")
    assert (again["trial"].number, again["shares_gpu"]) == (0, False)
    assert searcher.suggest("tune-3") is None  # or the share that others free would be taken again
    searcher.started("tune-2")
    assert searcher.suggest("tune-3")["shares_gpu"]


def test_it_is_not_forgotten_when_tune_has_ended_over_the_last_trial(make_config, folder) -> None:
    """Asked while that trial was out, the queue had nothing more; another searcher takes over."""
    study, alone = Study(make_config(search={"trials": 1}), folder), set()
    queue = StudyQueue(study)
    first, second = (StudySearcher(queue, folder.results, shares_gpu=True, alone=alone) for _ in range(2))
    first.suggest("tune-1")
    assert first.suggest("tune-2") == Searcher.FINISHED
    first.on_trial_complete("tune-1", {"number": 0, CROWDED: "out of GPU memory", "done": True})
    assert not second.suggest("tune-3")["shares_gpu"]


def test_others_do_not_wait_for_ever_for_one_that_waits_for_a_gpu(make_config, folder, monkeypatch, caplog) -> None:
    monkeypatch.setattr("search.execution.study_searcher.HOLD_S", 0.0)
    _, searcher = searching(make_config, folder, shares_gpu=True)
    searcher.suggest("tune-1")
    searcher.on_trial_complete("tune-1", {"number": 0, CROWDED: "out of GPU memory", "done": True})
    searcher.suggest("tune-2")
    assert searcher.suggest("tune-3")["trial"].number == 1
    assert "trial 0 still waits for a GPU to itself" in caplog.text


def test_a_trial_of_a_preempted_node_goes_back_as_often_as_it_takes(make_config, folder, caplog) -> None:
    study, searcher = searching(make_config, folder, nodes=FakeNodes("preempted"))
    for attempt in range(4):
        assert searcher.suggest(f"tune-{attempt}")["trial"].number == 0
        searcher.note_error(f"tune-{attempt}", ActorUnavailableError("socket closed", None))
        searcher.on_trial_complete(f"tune-{attempt}", error=True)
    assert study.trials[0].state == "running"
    assert "trial 0 goes back to the queue: its node gpu-3 was preempted" in caplog.text


def test_a_trial_whose_node_is_lost_twice_has_failed_with_that_reason(make_config, folder) -> None:
    nodes = FakeNodes("lost")
    study, searcher = searching(make_config, folder, nodes=nodes)
    for attempt in range(2):
        searcher.suggest(f"tune-{attempt}")
        searcher.note_error(f"tune-{attempt}", ActorUnavailableError("socket closed", None))
        searcher.on_trial_complete(f"tune-{attempt}", error=True)
    assert "at last since its node gpu-3 was lost" in study.trials[0].failure.reason
    assert nodes.waited == [True, True]


def test_a_trial_that_was_ended_over_its_time_is_not_tried_again(make_config, folder) -> None:
    study, searcher = searching(make_config, folder, limits=TrialLimits(7200))
    searcher.suggest("tune-1")
    folder.results.mkdir(exist_ok=True)
    (folder.results / "0.end").write_text('{"killed_at": 1.0}\n')
    searcher.on_trial_complete("tune-1", error=True)
    assert study.trials[0].failure.reason == (
        "the trial took more than 2h and was ended (cluster.trial_timeout); if it did not hang, raise that; "
        "it did not even stop when it was told to"
    )
