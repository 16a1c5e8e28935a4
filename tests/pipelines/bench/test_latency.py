from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.bench import latency
from pipelines.bench.estimate import estimate
from pipelines.bench.job import Job
from pipelines.bench.latency import FEW, LIMIT_S, LONGER, MORE, VISITS, Taken, report, take
from pipelines.bench.rounds import Rounds
from pipelines.runtimes import Artifact, Target

JOB = Job(*(Artifact(Path(name), "onnx") for name in ("own", "reference", "parent")), Path("feed"), Target())


@pytest.fixture
def taken(machine):
    def make(*sessions, threads: int = 1, budget_s: float = 1.0):
        rounds = Rounds(sessions, {})
        return take(rounds, Target(threads=threads), budget_s, clock=lambda: machine.wall_ns / 1e9)

    return make


def test_steady_times_need_no_more_than_a_few_rounds(taken, timed) -> None:
    found, estimated = taken(timed(2.0), timed(4.0))
    assert [len(runs) for runs in found.times] == [FEW, FEW]
    assert estimated.values.tolist() == [2.0, 0.5]
    assert (found.warm, found.wanted) == (True, FEW)


def test_a_slow_reference_is_called_a_fraction_as_often_as_what_is_compared_with_it(taken, timed) -> None:
    quick, slow = timed(1.0), timed(50.0)
    found, estimated = taken(quick, slow)
    assert estimated.values.tolist() == [1.0, 0.02]
    assert [runs.shape for runs in found.times] == [(FEW, 3, 2), (FEW, 1, 2)]
    assert quick.calls * 1.0 < slow.calls * 50.0 < 1_500.0, "ms; 25 rounds with a visit of each took 2,950"


def test_moderate_noise_takes_the_rounds_that_a_low_quantile_needs_and_no_more(taken, timed) -> None:
    noise = np.random.default_rng(0)
    found, estimated = taken(timed(lambda n: float(noise.uniform(2.0, 2.4))), timed(2.0))
    assert len(found.times[0]) == VISITS == found.wanted
    assert FEW < VISITS
    assert estimated.half_width <= 0.03


def test_a_wide_interval_takes_more_rounds_until_the_budget_is_spent(taken, timed) -> None:
    noise = np.random.default_rng(0)
    unsteady = timed(lambda n: float(noise.uniform(1.5, 4.0)))
    found, estimated = taken(unsteady, timed(2.0), budget_s=0.3)
    # A round takes about 10 ms here: the first call of each visit, and one that counts.
    assert VISITS + 2 * MORE < len(found.times[0]) <= LONGER * VISITS
    assert estimated.half_width > 0.03


def test_it_goes_on_no_longer_than_a_few_times_what_the_first_rounds_took(taken, timed) -> None:
    noise = np.random.default_rng(0)
    unsteady = timed(lambda n: float(noise.uniform(1.5, 4.0)))
    found, _ = taken(unsteady, timed(2.0), budget_s=1_000.0)
    assert VISITS + 2 * MORE < len(found.times[0]) <= LONGER * VISITS + MORE


def test_rounds_that_others_cut_into_are_taken_again(taken, timed, machine) -> None:
    class Disturbed(type(timed(1.0))):
        def run(self, feed):
            self.slowdown = 3.0 if self.calls < 24 else 1.0
            return super().run(feed)

    found, _ = taken(Disturbed(machine, 2.0), timed(2.0))
    said = report(found, estimate(found.times, 0), replace(JOB, parent=JOB.reference), "here")
    assert len(found.times[0]) == VISITS + MORE
    assert "; 7 rounds disturbed by other processes" in said.notes["latency.rounds"]
    assert said.metrics["latency_wall_p90_ms"] == 2.0, "disturbed rounds do not count when there are enough others"
    assert "latency.noise" not in {**said.notes} or "other processes were running" not in said.notes["latency.noise"]


def test_on_a_machine_that_is_never_quiet_every_round_counts_and_it_is_said(taken, timed) -> None:
    found, estimated = taken(timed(2.0, slowdown=1.5), timed(4.0, slowdown=1.5))
    assert estimated.values.tolist() == [2.0, 0.5], "its own time is not longer"
    assert len(found.times[0]) == VISITS + 3 * MORE, "twice as many as there should be is enough"
    said = report(found, estimated, replace(JOB, parent=JOB.reference), "here")
    assert "wall/CPU 1.50: other processes were running" in said.notes["latency.noise"]


def test_several_threads_are_timed_on_the_wall(taken, timed) -> None:
    found, estimated = taken(timed(6.0, slowdown=0.5), timed(8.0, slowdown=0.5), threads=2)
    assert estimated.values.tolist() == [3.0, 0.75]
    assert len(found.times[0]) == FEW


def test_a_network_too_slow_for_all_rounds_gets_as_many_as_fit(taken, timed) -> None:
    found, estimated = taken(timed(4_000.0), timed(4_000.0))
    assert len(found.times[0]) == 4  # of 16 s each
    said = report(found, estimated, replace(JOB, parent=JOB.reference), "here").notes["latency.noise"]
    assert f"only 4 rounds fit into {LIMIT_S:.0f} s, wanted {VISITS}" in said


def steady(*ms: float, others: float | None = 0.0, warm: bool = True, throttled: int | None = 0) -> Taken:
    times = [np.full((VISITS, 2, 2), each) for each in ms]
    return Taken(times, VISITS, warm, others, throttled)


def reported(found: Taken, job: Job = JOB):
    return report(found, estimate(found.times, 0), job, "batch 1, 1 thread")


def test_numbers_have_their_names_and_intervals() -> None:
    said = reported(steady(3.0, 4.0, 6.0))
    assert said.metrics == {
        "latency_ms": 3.0,
        "latency_ratio": 0.75,
        "latency_vs_parent": 0.5,
        "latency_wall_p50_ms": 3.0,
        "latency_wall_p90_ms": 3.0,
    }
    assert said.intervals == {"latency_ms": (3, 3), "latency_ratio": (0.75, 0.75), "latency_vs_parent": (0.5, 0.5)}


def test_the_reference_is_beside_itself_exactly_one() -> None:
    said = reported(steady(3.0), replace(JOB, reference=JOB.artifact, parent=JOB.artifact))
    assert (said.metrics["latency_ratio"], said.metrics["latency_vs_parent"]) == (1.0, 1.0)
    assert said.intervals["latency_ratio"] == said.intervals["latency_vs_parent"] == (1.0, 1.0)


def test_a_parent_that_is_the_reference_is_timed_once() -> None:
    job = replace(JOB, parent=JOB.reference)
    assert job.artifacts == (JOB.artifact, JOB.reference)
    said = reported(steady(3.0, 4.0), job)
    assert said.metrics["latency_ratio"] == said.metrics["latency_vs_parent"] == 0.75


def test_what_is_quiet_and_steady_has_no_noise_to_tell() -> None:
    notes = reported(steady(3.0, 4.0, 6.0)).notes
    assert notes == {
        "latency.conditions": "batch 1, 1 thread",
        "latency.load": "other processes used 0.00 cores, wall/CPU 1.00",
        "latency.rounds": "25 of 2, 2, 2 calls",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"others": 150.0}, "other processes used 150.0 cores"),
        ({"warm": False}, "durations still drifted after the warm-up"),
        ({"throttled": 3}, "processors were throttled 3 times"),
    ],
)
def test_noise_is_told(change: dict, words: str) -> None:
    assert reported(steady(3.0, 4.0, 6.0, **change)).notes["latency.noise"] == words


def test_a_machine_that_does_not_tell_its_load_says_so() -> None:
    assert (
        reported(steady(3.0, 4.0, 6.0, others=None)).notes["latency.load"].startswith("other processes used an unknown")
    )


def test_an_interval_wider_than_a_tie_is_told() -> None:
    rng = np.random.default_rng(0)
    times = [np.repeat(rng.uniform(1, 2, (VISITS, 2, 1)), 2, axis=2) for _ in range(3)]
    found = Taken(times, VISITS, True, 0.0, None)
    half = estimate(times, 0).half_width
    assert half > latency.TIE
    assert reported(found).notes["latency.noise"] == f"interval ±{half:.1%}, wanted ±3%"
