"""The lane, over a Ray whose answers are known beforehand."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ray.exceptions import WorkerCrashedError

from pipelines import Evaluation, Target, Targets, TrialFailed
from pipelines.bench.answer import Failure
from pipelines.evaluator import Unmeasured
from pipelines.ledger import FOR_TARGET, OTHER, Ledger
from pipelines.measurement import Measurement
from pipelines.runtimes import Artifact
from search.execution.lane import LEAST, Lane, LeftToMeasure, MeasuredThere, Place
from search.execution.measuring import Answered
from search.study.outcome import Complete, Failed
from search.study.trial import Result
from spaces import Recipe

UNMEASURED = Unmeasured("", "own", "parent", "reference")
PLACES = {"": Place("edge", (3,))}
RAN = Measurement({"latency_ms": 2.0})


class FakeRay:
    """Answers what it is asked to measure with what a test has put down, or not at all."""

    def __init__(self, nodes: int = 1) -> None:
        self.nodes, self.orders, self.answers, self.cancelled, self.put_down = nodes, [], {}, [], []

    def remote(self, function):
        task = SimpleNamespace(remote=self._begin)
        return SimpleNamespace(options=lambda **options: task)

    def _begin(self, order, feed, *files) -> str:
        self.orders.append((order, feed, files))
        return f"answer {len(self.orders)}"

    def put(self, value):
        self.put_down.append(value)
        return f"ref {len(self.put_down)}"

    def wait(self, refs, num_returns, timeout):
        ready = [ref for ref in refs if ref in self.answers][:num_returns]
        return ready, [ref for ref in refs if ref not in ready]

    def get(self, ref):
        answer = self.answers[ref]
        if isinstance(answer, Exception):
            raise answer
        return Answered(answer, 1.0)

    def cancel(self, ref, force) -> None:
        self.cancelled.append(ref)

    def cluster_resources(self):
        return {"edge": float(self.nodes)} if self.nodes else {}

    def get_runtime_context(self):
        return SimpleNamespace(gcs_address="head:6379")


class Fake:
    """Builds files of a few bytes; a whole measurement has an accuracy and a latency."""

    targets = Targets.only(Target(resource="edge"))

    def __init__(self, folder: Path) -> None:
        self.folder, self.lost = folder, set()

    def feed(self, target):
        return {"input": np.zeros((1, 4), np.float32)}

    def make(self, recipe, fidelity=1.0, elsewhere=()) -> Evaluation:
        left = tuple(replace(UNMEASURED, target=name) for name in elsewhere)
        return Evaluation(Measurement({"accuracy": fidelity}), (), "own", left)

    def complete(self, found, unmeasured, ran) -> Measurement:
        if "latency_ms" not in ran.metrics:
            raise TrialFailed("latency_ms was measured as None")
        return found | ran

    def artifact(self, key, target):
        path = self.folder / f"{key}.onnx"
        path.write_bytes(key.encode())
        return None if key in self.lost else Artifact(path, "onnx")


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    for module in ("lane", "measuring_queue", "awaited"):
        monkeypatch.setattr(f"search.execution.{module}.ray", fake)
    return fake


@pytest.fixture
def parted(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


@pytest.fixture
def lane(ray: FakeRay, parted: Fake) -> Lane:
    return Lane(parted, PLACES, slots=2)


def built(number: int, *unmeasured: Unmeasured) -> Result:
    unmeasured = unmeasured or (UNMEASURED,)
    found = Complete(Measurement({"accuracy": 0.9}), unmeasured[0].model)
    return Result(number, 100.0, 110.0, found, seconds={"other": 10.0}, unmeasured=unmeasured)


def test_a_built_trial_is_completed_when_its_measurement_arrives(lane: Lane, ray: FakeRay) -> None:
    lane.add(built(3))
    assert list(lane.collect()) == []
    ray.answers["answer 1"] = RAN
    ((given, result),) = lane.collect()
    assert given == built(3)
    assert result.outcome == Complete(Measurement({"accuracy": 0.9, "latency_ms": 2.0}), "own")
    assert not result.unmeasured
    assert result.worked_s == pytest.approx(10.0)  # what came later had no worker
    assert len(lane) == 0


def test_each_file_is_sent_once_and_the_order_says_which_is_which(lane: Lane, ray: FakeRay) -> None:
    lane.add(built(1))
    lane.add(built(2, replace(UNMEASURED, model="other")))
    list(lane.collect())
    (first, _, files), (second, _, others) = ray.orders
    assert (first.model, first.reference, first.parent, first.keys) == ("own", "reference", "parent", UNMEASURED.keys)
    assert (first.file, first.format, first.processors) == ("own.onnx", "onnx", (3,))
    assert second.keys == ("other", "reference", "parent")
    assert files[1:] == others[1:]
    assert [each for each in ray.put_down if isinstance(each, bytes)] == [b"own", b"reference", b"parent", b"other"]
    assert sum(isinstance(each, dict) for each in ray.put_down) == 1


def test_only_a_few_are_with_ray_at_once_and_the_order_is_kept(lane: Lane, ray: FakeRay) -> None:
    for number in range(5):
        lane.add(built(number))
    done = []
    while len(lane):
        done += [result.number for _, result in lane.collect()]
        assert len(ray.orders) <= len(done) + 2
        ray.answers[f"answer {len(done) + 1}"] = RAN
    assert done == [0, 1, 2, 3, 4]


def test_it_is_full_when_enough_wait(lane: Lane) -> None:
    for number in range(LEAST):
        assert not lane.is_full
        lane.add(built(number))
    assert lane.is_full


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Failure("the file does not run"), "the file does not run"),
        (Measurement({}), "latency_ms was measured as None"),
        (WorkerCrashedError(), "its file was built, and measuring it failed 2 times: The worker died unexpectedly"),
    ],
    ids=["refused", "half a measurement", "machines that die"],
)
def test_what_cannot_be_measured_fails_the_trial_with_its_reason(lane, ray, answer, reason) -> None:
    lane.add(built(1))
    list(lane.collect())
    ray.answers["answer 1"] = answer
    ((_, result),) = lane.collect()
    assert isinstance(result.outcome, Failed)
    assert result.outcome.reason.startswith(reason)


@pytest.fixture
def two(ray: FakeRay, parted: Fake) -> Lane:
    """A lane for two targets, which are measured on different machines."""
    parted.targets = Targets((("edge", Target(resource="edge")), ("server", Target(resource="rack"))))
    return Lane(parted, {"edge": Place("edge"), "server": Place("rack")}, slots=2)


ON_TWO = tuple(replace(UNMEASURED, target=name) for name in ("edge", "server"))


def test_a_trial_ends_when_it_was_measured_on_the_last_target(two: Lane, ray: FakeRay) -> None:
    two.add(built(3, *ON_TWO))
    ray.answers["answer 2"] = RAN
    ((_, first),) = two.collect()
    assert first.unmeasured == ON_TWO[:1]
    assert (first.finished, len(two)) == (110.0, 1)
    ray.answers["answer 1"] = RAN
    ((_, last),) = two.collect()
    assert (last.unmeasured, last.outcome.state, len(two)) == ((), "complete", 0)
    assert [order.target.resource for order, *_ in ray.orders] == ["edge", "rack"]


def test_a_trial_that_fails_on_one_target_is_measured_on_no_other(two: Lane, ray: FakeRay) -> None:
    two.add(built(3, *ON_TWO))
    ray.answers["answer 1"] = Failure("no such operator")
    ((_, result),) = two.collect()
    assert result.outcome == Failed("on edge: no such operator")
    assert (ray.cancelled, len(two)) == (["answer 2"], 0)


def test_a_file_that_is_gone_is_given_back(lane: Lane, parted: Fake) -> None:
    parted.lost = {"own"}
    lane.add(built(1))
    assert list(lane.collect()) == [(built(1), None)]
    assert len(lane) == 0


def test_nobody_waits_in_silence(lane: Lane, ray: FakeRay, caplog) -> None:
    ray.nodes = 0
    lane.add(built(1))
    list(lane.collect())
    list(lane.collect())
    assert [record.getMessage() for record in caplog.records] == [
        "no node of the cluster offers the resource 'edge', on which files are measured; waiting to be measured: "
        "1 file; "
        """on a machine that is to measure, run: ray start --address=head:6379 --num-cpus=0 --resources='{"edge": 1}'"""
    ]


def test_what_is_dropped_is_not_measured(lane: Lane, ray: FakeRay) -> None:
    for number in range(4):
        lane.add(built(number))
    list(lane.collect())
    lane.drop()
    assert len(lane) == 0
    assert ray.cancelled == ["answer 1", "answer 2"]


def test_a_worker_waits_for_a_rung_and_leaves_the_rest(ray: FakeRay, parted: Fake) -> None:
    ray.answers["answer 1"] = RAN
    evaluate = LeftToMeasure(parted, PLACES)
    with Ledger() as ledger:
        rung, whole = evaluate(Recipe(), 0.5), evaluate(Recipe())
    assert rung.measurement == Measurement({"accuracy": 0.5, "latency_ms": 2.0})
    assert not rung.unmeasured
    assert set(ledger.seconds) == {OTHER, FOR_TARGET}
    assert whole.unmeasured == (UNMEASURED,)
    assert len(ray.orders) == 1


def test_what_fails_there_fails_here(ray: FakeRay, parted: Fake) -> None:
    ray.answers["answer 1"] = Failure("too slow")
    with pytest.raises(TrialFailed, match="too slow"):
        MeasuredThere(parted, PLACES)(Recipe())
