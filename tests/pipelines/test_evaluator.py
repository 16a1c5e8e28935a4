import json
import math
import pickle
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pipelines import METRICS, STEPS, Evaluator, Target, Targets, TrialFailed
from pipelines.bench.job import Job
from pipelines.bench.running import run_bench
from pipelines.evaluator import Unmeasured
from pipelines.lease import Lease
from pipelines.ledger import ACCURACY, EXAMINING, LOADING, MEASURING, OTHER, READING, STARTING, WAITS, Ledger
from pipelines.meters import METERS, Candidate, Measurement
from spaces import Recipe


def recipe(*steps: dict) -> Recipe:
    return Recipe.from_list(list(steps), STEPS)


TORCH = Targets.only(Target("torch"))
RUNNING_METERS = [meter for meter in METERS if meter.running]

PRUNED = recipe({"prune": {"method": "channel", "ratio": 0.5}})
WHOLE = recipe(
    {"distil": {"depth": 1, "alpha": 0.5}}, {"prune": {"ratio": 0.5}}, {"quantize": {"scheme": "static-int8"}}
)


def test_a_recipe_becomes_numbers(evaluator: Evaluator) -> None:
    outcome = evaluator(WHOLE)
    needed = {name for name, metric in METRICS.items() if not metric.optional}
    assert needed <= set(outcome.measurement.metrics) <= set(METRICS)
    assert all(math.isfinite(value) for value in outcome.measurement.metrics.values())
    assert outcome.measurement.metrics["accuracy"] == 1.0
    assert outcome.measurement.metrics["accuracy_drop"] == 0.0
    assert outcome.measurement.metrics["size_ratio"] < 1
    assert [run.name for run in outcome.stages] == ["teacher", "distil", "prune", "export", "quantize", "pack"]
    assert outcome.model == outcome.stages[-1].key


def test_a_file_is_built_once_all_that_it_is_compared_with_is(evaluator: Evaluator) -> None:
    assert not evaluator.is_built(WHOLE)
    evaluator.build(WHOLE)
    assert not evaluator.is_built(WHOLE), "its parent was not packed, nor was the teacher exported"
    evaluator(WHOLE)
    assert evaluator.is_built(WHOLE)
    *_, last = evaluator.chain(WHOLE)
    evaluator.store.discard(last.key)
    assert not evaluator.is_built(WHOLE)


@pytest.mark.parametrize("made_of", [Recipe(), WHOLE], ids=["teacher", "student"])
def test_what_is_made_here_and_measured_elsewhere_is_the_same_trial(evaluator: Evaluator, made_of: Recipe) -> None:
    made = evaluator.make(made_of, elsewhere=[""])
    (left,) = made.unmeasured
    sent = Unmeasured.from_json(json.loads(json.dumps(asdict(left))))
    assert sent == left
    assert not {"latency_ms", "peak_memory_mb"} & set(made.measurement.metrics)
    assert len(sent.keys) == (3 if made_of.steps else 1)
    own, reference, parent = (evaluator.artifact(key, "") for key in (sent.model, sent.reference, sent.parent))
    ran = run_bench(
        Job(own, reference, parent, Path(), evaluator.targets.first, budget_s=0), evaluator.feed(""), Lease()
    )
    found = evaluator.complete(made.measurement, sent, ran)
    here = evaluator(made_of)
    assert made.model == here.model
    assert found.metrics.keys() == here.measurement.metrics.keys()
    assert set(found.intervals) == set(here.measurement.intervals)
    exact = [name for name in found.metrics if METRICS[name].exact or METRICS[name].of_score]
    assert {name: found.metrics[name] for name in exact} == {name: here.measurement.metrics[name] for name in exact}


@pytest.fixture
def on_two(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> Evaluator:
    """For two targets with one format; a call takes as many milliseconds as it has inputs, without a process."""

    def known(candidate: Candidate) -> Measurement:
        needed = [metric.name for meter in RUNNING_METERS for metric in meter.metrics if not metric.optional]
        return Measurement(dict.fromkeys(needed, float(candidate.target.batch)))

    monkeypatch.setattr("pipelines.evaluator.measure_running", known)
    return replace(evaluator, targets=Targets((("edge", Target()), ("server", Target(batch=8)))))


def test_for_two_targets_everything_is_made_once(evaluator: Evaluator, on_two: Evaluator) -> None:
    assert on_two.chain(PRUNED) == evaluator.chain(PRUNED)
    found = on_two(PRUNED)
    metrics = found.measurement.metrics
    assert {name: metrics[name] for name in metrics if name.startswith("latency_ms")} == {
        "latency_ms@edge": 1.0,
        "latency_ms@server": 8.0,
        "latency_ms": 8.0,
    }
    assert metrics["accuracy@edge"] == metrics["accuracy@server"] == metrics["accuracy"]
    assert metrics["size_mb@server"] == metrics["size_mb"]
    assert [stage.name for stage in found.stages] == ["teacher", "prune", "export", "pack"]
    assert found.other_stages == ()
    assert [on_two.feed(name)["input"].shape[0] for name in on_two.targets.names] == [1, 8]


def test_of_two_targets_one_can_be_measured_elsewhere(on_two: Evaluator) -> None:
    made = on_two.make(PRUNED, elsewhere=["server"])
    (left,) = made.unmeasured
    assert left.target == "server"
    assert "latency_ms" not in made.measurement.metrics, "it is not known on all"
    assert made.measurement.metrics["latency_ms@edge"] == 1.0
    ran = Measurement({name: 5.0 for name in METRICS if METRICS[name].name.startswith(("latency", "peak"))})
    found = on_two.complete(made.measurement, left, ran)
    whole = on_two(PRUNED).measurement
    assert found.metrics.keys() == whole.metrics.keys()
    assert (found.metrics["latency_ms"], found.metrics["latency_ms@edge"]) == (5.0, 1.0)


def test_what_one_target_needs_is_asked_of_that_one(on_two: Evaluator) -> None:
    needing = replace(on_two, required=("energy_mj@server",))
    with pytest.raises(TrialFailed, match="energy_mj@server is not available; take it out of objectives"):
        needing(Recipe())
    assert on_two.on_request(Recipe(), ["size_zstd_mb@edge"]).keys() == {"size_zstd_mb@edge"}


def test_a_measurement_that_lacks_a_number_completes_no_trial(evaluator: Evaluator) -> None:
    made = evaluator.make(Recipe(), elsewhere=[""])
    with pytest.raises(TrialFailed, match="latency_ms was measured as None"):
        evaluator.complete(made.measurement, made.unmeasured[0], Measurement({}))


def test_a_file_that_the_store_has_lost_is_told(evaluator: Evaluator) -> None:
    assert evaluator.artifact("0" * 32, "") is None


def test_trainings_share_another_lease_where_files_are_measured_apart_from_them(evaluator: Evaluator) -> None:
    with replace(evaluator, apart=True).context.lease.shared(), evaluator.context.lease.alone():
        pass  # nobody waits for anybody


def test_the_chain_of_a_recipe_is_what_its_trial_leaves_in_the_store(evaluator: Evaluator) -> None:
    chain = evaluator.chain(WHOLE)
    names = ["teacher", "distil", "prune", "export", "quantize", "pack", "pack", "export", "pack"]
    assert [link.name for link in chain] == names  # its own, its parent's, the teacher's
    store = evaluator.store
    assert not any(store.get(link.key) for link in chain)
    evaluator(WHOLE)
    assert all(store.get(link.key) for link in chain)
    scored = 2  # its file and the teacher's
    assert len(list(evaluator.store.root.glob("entries/*/*"))) == len(chain) + scored


def test_what_a_trial_is_spent_on_has_a_name(evaluator: Evaluator) -> None:
    with Ledger() as ledger:
        outcome = evaluator(WHOLE)
    work = {stage.name for stage in outcome.stages} | {STARTING, READING, LOADING, MEASURING, ACCURACY, EXAMINING}
    assert work <= set(ledger.seconds) <= {*work, *WAITS, OTHER}
    assert all(seconds >= 0 for seconds in ledger.seconds.values())
    with Ledger() as again:
        evaluator(WHOLE)
    assert not {"teacher", "distil", "prune", "export", "quantize", "pack", STARTING} & set(again.seconds)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Measurement], None]:
    """Has every file measured as a test says, without running it."""

    def take(found: Measurement) -> None:
        monkeypatch.setattr("pipelines.evaluator.measure_file", lambda candidate: found)
        monkeypatch.setattr("pipelines.evaluator.measure_running", lambda candidate: Measurement({}))
        monkeypatch.setattr("pipelines.evaluator.whole", lambda found: found)

    return take


def test_what_a_stage_has_to_say_goes_with_the_trial(evaluator: Evaluator, taken) -> None:
    taken(Measurement({"accuracy": 1.0}))
    for _ in range(2):  # computed, and then taken from the store
        notes = evaluator(recipe({"prune": {"ratio": 0.1}})).measurement.notes
        assert notes["prune"] == "ratio 0.1 removes 50% of the channels, as widths are multiples of 8"


def test_a_trial_without_a_number_that_the_sweep_needs_fails(evaluator: Evaluator, taken) -> None:
    found = Measurement({"accuracy": 1.0}, notes={"energy_mj": "not available: no counters"})
    taken(found)
    reason = (
        "energy_mj is not available: no counters; take it out of objectives and constraints, "
        "or run the sweep on a machine that can measure it"
    )
    with pytest.raises(TrialFailed, match=reason):
        replace(evaluator, required=("energy_mj",))(Recipe())
    assert evaluator(Recipe()).measurement == found


def test_a_search_never_sees_the_test_split(evaluator: Evaluator) -> None:
    with pytest.raises(LookupError, match="a search never sees the test split"):
        evaluator.task.batches("test").__iter__().__next__()
    assert evaluator(WHOLE).measurement.metrics["accuracy"] == 1.0


def test_the_teacher_is_its_own_reference(evaluator: Evaluator) -> None:
    outcome = evaluator(Recipe())
    assert (outcome.measurement.metrics["accuracy_drop"], outcome.measurement.metrics["size_ratio"]) == (0, 1)
    assert [run.name for run in outcome.stages] == ["teacher", "export", "pack"]


@pytest.mark.parametrize(("steps", "told"), [([], None), ([{"quantize": {"scheme": "dynamic-int8"}}], "quantize")])
def test_a_step_that_did_not_help_is_told_of(evaluator: Evaluator, taken, steps: list, told: str | None) -> None:
    taken(Measurement({"latency_vs_parent": 8.0, "latency_ms": 1.0}))
    notes = evaluator(recipe(*steps)).measurement.notes
    assert notes.get("speedup") == (f"slower than without {told}: 8.00×" if told else None)
    assert ("ConvInteger" in notes.get("speedup.why", "")) is bool(told)


def test_what_was_built_before_is_measured_again_and_not_built(evaluator: Evaluator) -> None:
    first, second = evaluator(WHOLE), evaluator(WHOLE)
    assert all(run.reused for run in second.stages)
    assert second.model == first.model
    assert second.measurement.metrics["size_mb"] == first.measurement.metrics["size_mb"]


def test_a_recipe_that_cannot_be_made_fails_with_its_reason(evaluator: Evaluator) -> None:
    fast = evaluator.training.model_copy(update={"learning_rate": 1e30})
    reason = r"the loss became nan in epoch \d of 4; lower training.learning_rate \(now 1e\+30\)"
    with pytest.raises(TrialFailed, match=reason):
        replace(evaluator, training=fast)(recipe({"prune": {"ratio": 0.5}}))


def test_a_step_that_finds_nothing_to_do_is_told_of(evaluator: Evaluator) -> None:
    done = replace(evaluator, args={"width": 8})(recipe({"prune": {"ratio": 0.5}}))
    (note,) = [run.note for run in done.stages if run.note]
    assert note.startswith("channel left the network as it is: nothing to prune at ratio 0.5: ")


def test_it_travels_without_what_it_loaded(evaluator: Evaluator) -> None:
    fresh = pickle.dumps(evaluator)
    assert evaluator.task is evaluator.task
    assert evaluator.context.seed == 0
    assert pickle.dumps(evaluator) == fresh
    assert len(fresh) < 2000
    copy = pickle.loads(fresh)
    assert copy == evaluator
    assert copy.task is not evaluator.task


def test_a_stored_file_is_taken_even_where_its_key_would_now_be_another(evaluator: Evaluator) -> None:
    stages = evaluator(WHOLE).stages
    other = replace(evaluator, seed=evaluator.seed + 1, stored={WHOLE.digest: stages})
    built = other.build(WHOLE)
    assert built.file == evaluator.build(WHOLE).file
    assert [run.key for run in built.stages] == [run.key for run in stages]
    assert all(run.reused for run in built.stages)
    assert replace(other, stored={}).build(Recipe()).stages[0].reused is False


def test_a_stored_file_that_is_not_packed_is_packed(evaluator: Evaluator) -> None:
    stages = evaluator(WHOLE).stages
    expected = evaluator.build(WHOLE.parent())
    other = replace(evaluator, seed=evaluator.seed + 1, stored={WHOLE.parent().digest: stages[:-2]})
    built = other.build(WHOLE.parent())
    assert built == expected
    assert [run.name for run in built.stages] == ["teacher", "distil", "prune", "export", "pack"]
    assert all(run.reused for run in built.stages)


def test_a_stored_network_is_written_in_the_format_of_another_target(evaluator: Evaluator) -> None:
    stages = evaluator.build(PRUNED).stages
    other = replace(evaluator, seed=evaluator.seed + 1, targets=TORCH, stored={PRUNED.digest: stages})
    built = other.build(PRUNED)
    assert built.artifact.format == "torch-export"
    assert [(run.name, run.reused) for run in built.stages] == [
        ("teacher", True),
        ("prune", True),
        ("export", False),
        ("pack", False),
    ]
    assert [run.key for run in built.stages[:2]] == [run.key for run in stages[:2]]
    shutil.rmtree(evaluator.store.get(stages[1].key))
    assert other.build(PRUNED).artifact == built.artifact, "it is there, whatever led to it"
    evaluator.store.discard(built.stages[-1].key)
    with pytest.raises(
        TrialFailed, match="its network is no longer in the store, and its file is not written in torch"
    ):
        other.build(PRUNED)


def test_a_scheme_that_does_not_work_on_the_other_format_fails_the_trial(evaluator: Evaluator) -> None:
    recipe = Recipe.from_list([{"quantize": {"scheme": "weight-int8"}}], STEPS)
    other = replace(evaluator, targets=TORCH, stored={recipe.digest: evaluator.build(recipe).stages})
    with pytest.raises(TrialFailed, match=r"weight-int8 works on ONNX files, and the target executes torch\.export"):
        other.build(recipe)


def test_a_stored_file_that_is_lost_is_built_again(evaluator: Evaluator) -> None:
    outcome = evaluator(WHOLE)
    file = evaluator.build(WHOLE).file
    before = file.read_bytes()
    file.unlink()
    again = replace(evaluator, stored={WHOLE.digest: outcome.stages}).build(WHOLE)
    assert again.file.read_bytes() == before
    assert [run.reused for run in again.stages] == [True, True, True, True, True, False]


def test_at_a_share_of_the_epochs_all_but_the_teacher_is_trained_less(evaluator: Evaluator) -> None:
    found = [evaluator(WHOLE, share) for share in (0.0, 0.5, 1.0)]
    for metric in ("parameters", "macs", "size_mb"):
        assert len({outcome.measurement.metrics[metric] for outcome in found}) == 1
    keys = [{run.name: run.key for run in outcome.stages} for outcome in found]
    assert len({key["teacher"] for key in keys}) == 1
    for name in ("distil", "prune", "export", "quantize", "pack"):
        assert len({key[name] for key in keys}) == 3
    for share, outcome in zip((0.0, 0.5, 1.0), found, strict=True):
        chain = evaluator.chain(WHOLE, share)
        assert outcome.model in [link.key for link in chain]
        assert all(evaluator.store.get(link.key) for link in chain)
    assert found[2].model == evaluator.build(WHOLE).stages[-1].key


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_a_share(evaluator: Evaluator, share: float) -> None:
    with pytest.raises(ValueError, match="fidelity is between 0 and 1"):
        evaluator.build(WHOLE, share)


def test_a_stored_file_is_no_part_of_itself(evaluator: Evaluator) -> None:
    stages = evaluator(WHOLE).stages
    knowing = replace(evaluator, stored={WHOLE.digest: stages, Recipe().digest: evaluator.build(Recipe()).stages})
    assert knowing.build(WHOLE, 0.25).stages[-1].key not in {run.key for run in stages}
    assert knowing.build(WHOLE, 1.0).stages[-1].key == stages[-1].key
    other = replace(knowing, seed=evaluator.seed + 1)
    assert other.build(Recipe(), 0.25) == knowing.build(Recipe())


@pytest.mark.gpu
@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
def test_a_recipe_is_trained_and_measured_on_a_gpu(evaluator: Evaluator, runtime: str) -> None:
    half = recipe({"prune": {"method": "channel", "ratio": 0.5}}, {"quantize": {"scheme": "fp16"}})
    found = replace(evaluator, targets=Targets.only(Target(runtime, "cuda", batch=8)), device="cuda")(half).measurement
    assert found.metrics["accuracy"] > 0.9
    assert found.metrics["throughput"] > 0
    assert found.metrics["size_ratio"] < 0.7
    assert found.notes["latency.graph"] == "replayed in a CUDA graph"
