import pytest

from pipelines import Target, Targets
from search.analysis.front_comparison import compare_fronts, load_front_comparison
from search.analysis.remeasurement import Remeasurement
from spaces import InputError
from tests.search.results import measured


def test_the_reference_point_comes_from_the_larger_values_of_all_baselines(two_fronts) -> None:
    """With accuracies over 0.9 and latencies over 4, the reference is (0, 1.1)."""
    assert two_fronts.scale == {"accuracy": 0.9, "latency_ms": 4.0}
    area_a = (6 / 9) * (1.1 - 0.25) + (3 / 9) * (1.1 - 1.0)
    area_b = (7 / 9) * (1.1 - 0.125) + (1 / 9) * (1.1 - 0.5)
    assert two_fronts.hypervolumes == pytest.approx((area_a / 1.1, area_b / 1.1))


def test_each_front_gives_its_share_of_the_joint_front(two_fronts) -> None:
    assert two_fronts.joint == (frozenset({0}), frozenset({0, 1}))
    assert two_fronts.shares == pytest.approx((1 / 3, 2 / 3))


def test_the_same_front_twice_shares_equally_and_has_its_own_hypervolume(named_front) -> None:
    rows = [(0.9, 4.0), (0.6, 1.0)]
    a, b = named_front("a", rows), named_front("b", rows)
    both = compare_fronts([a, b])
    assert both.shares == (0.5, 0.5)
    assert both.hypervolumes == pytest.approx((a.state.hypervolume, b.state.hypervolume))


def test_sweeps_with_other_objectives_are_refused_with_what_they_have_in_common(named_front) -> None:
    a = named_front("a", [(0.9, 4.0)])
    b = named_front("b", [(0.9, 4.0)], {"accuracy": "maximize", "size_mb": "minimize"})
    with pytest.raises(InputError) as told:
        compare_fronts([a, b])
    assert str(told.value) == (
        "SWEEP: a and b have different objectives: in common accuracy; a alone has latency_ms (minimize); "
        "b alone has size_mb (minimize); only fronts of the same objectives can be compared"
    )


def test_the_order_of_objectives_does_not_matter(named_front) -> None:
    rows = [(0.9, 4.0), (0.6, 1.0)]
    turned = named_front("b", rows, {"latency_ms": "minimize", "accuracy": "maximize"})
    both = compare_fronts([named_front("a", rows), turned])
    assert both.hypervolumes[0] == pytest.approx(both.hypervolumes[1])


def test_what_cannot_be_compared_is_remarked(named_front) -> None:
    a = named_front("a", [(0.9, 4.0)])
    b = named_front("b", [(0.9, 4.0)], target=Target(batch=8), task={"use": "elsewhere:Other"})
    assert compare_fronts([a, b]).remarks == [
        "a and b have different tasks: their accuracies mean other things",
        "a is for onnxruntime-cpu-b1-t1 and b for onnxruntime-cpu-b8-t1: latencies are per call there",
    ]
    assert compare_fronts([a, named_front("c", [(0.9, 4.0)])]).remarks == []


def test_a_sweep_in_which_nothing_is_complete_has_nothing(named_front) -> None:
    found = compare_fronts([named_front("a", [(0.9, 4.0)]), named_front("b", [])])
    assert found.hypervolumes[1] == 0
    assert found.shares == (1, 0)
    assert compare_fronts([named_front("a", []), named_front("b", [])]).shares == (0, 0)


@pytest.fixture
def remeasured(make_config, run_inline, workspace):
    """A sweep whose front was measured again for two other targets, where everything takes twice as long."""
    sweep = run_inline(make_config(search={"trials": 6}))
    for started, target in ((10.0, Target(batch=8)), (20.0, Target(batch=8)), (30.0, Target(batch=8, threads=2))):
        slower = [
            measured(trial, metrics={**trial.metrics, "latency_ms": 2 * trial.metrics["latency_ms"]}).result
            for trial in (sweep.state.baseline, *sweep.state.front.members)
        ]
        remeasurement = Remeasurement(Targets.only(target), tuple(slower), started, started + 1, "here", {})
        remeasurement.write(workspace.sweep("small").measurements)
    return sweep


def test_a_measurement_for_another_target_is_compared_with_the_sweep(remeasured, workspace) -> None:
    found = load_front_comparison(["small", "small@b8-t1"], workspace)
    assert [each.targets.first.batch for each in found.named_fronts] == [1, 8]
    assert found.scale["latency_ms"] == 2 * remeasured.state.baseline.metrics["latency_ms"]
    assert found.named_fronts[1].state.hypervolume == pytest.approx(remeasured.state.hypervolume)
    assert found.hypervolumes[0] > found.hypervolumes[1]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["small", "small"], "'small' is given twice"),
        (["small", "smal"], "'smal' is not known (did you mean 'small'?)"),
    ],
)
def test_a_name_that_is_no_front_is_told(remeasured, workspace, names, told) -> None:
    with pytest.raises(InputError) as error:
        load_front_comparison(names, workspace)
    assert told in str(error.value)


def test_all_names_are_told_at_once(remeasured, workspace) -> None:
    with pytest.raises(InputError) as error:
        load_front_comparison(["smal", "small@x", "small@x"], workspace)
    assert len(error.value.problems) == 3
