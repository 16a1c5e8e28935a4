import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import UnchangedError
from pipelines.pruners.allocation import allocate, ratios_for, reachable
from pipelines.sensitivity_table import Row, Sensitivity

RATIOS = (0.25, 0.5, 0.75)


def table(layers: dict[str, tuple[int, list[float | None]]]) -> Sensitivity:
    """`layers` gives units and the accuracy left at each of RATIOS; the whole network has accuracy 1."""
    rows = [
        Row(layer, ratio, note="failed") if left is None else Row(layer, ratio, int(units * ratio), 10, left, 1 - left)
        for layer, (units, accuracies) in layers.items()
        for ratio, left in zip(RATIOS, accuracies, strict=True)
    ]
    sizes = {layer: units for layer, (units, _) in layers.items()}
    return Sensitivity(1.0, 1000, sizes, tuple(rows))


def share(sensitivity: Sensitivity, ratios: dict[str, float]) -> float:
    """The share of the units that a cut by `ratios` removes."""
    gone = sum(int(sensitivity.sizes[layer] * ratio) for layer, ratio in ratios.items())
    return gone / sum(sensitivity.sizes.values())


def left(sensitivity: Sensitivity, ratios: dict[str, float]) -> float:
    """The share of accuracy that is left by `ratios` if layers do not matter to each other, at least 1e-3 for each.

    A cut leaves no more than a smaller one of the same layer.
    """
    return math.prod(
        max(1e-3, min(1, *(row.accuracy for row in sensitivity.rows if row.layer == layer and row.ratio <= ratio)))
        for layer, ratio in ratios.items()
    )


TWO = table({"useless": (16, [1.0, 1.0, 1.0]), "needed": (16, [0.9, 0.6, 0.5])})


@pytest.mark.parametrize(
    ("budget", "ratios"),
    [
        (0.1, {"useless": 0.25}),  # 4 of 32: no more than is asked for, though more would cost nothing
        (0.25, {"useless": 0.5}),
        (0.375, {"useless": 0.75}),
        (0.4, {"useless": 0.75, "needed": 0.25}),
        (0.5, {"useless": 0.75, "needed": 0.25}),
        (0.51, {"useless": 0.75, "needed": 0.5}),
        (0.75, {"useless": 0.75, "needed": 0.75}),
    ],
)
def test_what_costs_nothing_goes_first(budget: float, ratios: dict[str, float]) -> None:
    assert allocate(TWO, budget) == ratios


def test_many_small_losses_are_better_than_one_total_one() -> None:
    """0.6 x 0.6 x 0.6 is above 0.2, though the drops add up to 1.2, and the one drop is 0.8 only."""
    four = table({name: (16, [0.6, 0.2, 0.2]) for name in "abcd"} | {"e": (48, [0.2, 0.2, 0.2])})
    chosen = allocate(four, 12 / 112)
    assert list(chosen.values()) == [0.25, 0.25, 0.25]


def test_a_larger_cut_that_seems_less_harmful_is_noise() -> None:
    noisy = table({"a": (16, [0.5, 1.0, 1.0]), "b": (16, [0.9, 0.8, 0.7])})
    assert allocate(noisy, 0.25) == {"b": 0.5}


def test_cuts_that_failed_are_not_chosen() -> None:
    broken = table({"a": (16, [1.0, None, None]), "b": (16, [0.9, 0.8, None])})
    assert allocate(broken, 12 / 32) == {"a": 0.25, "b": 0.5}
    assert reachable(broken) == 12 / 32


def test_as_much_goes_as_can_if_the_ratio_is_beyond_what_was_analysed(tmp_path) -> None:
    TWO.write(tmp_path)
    notes: list[str] = []
    assert ratios_for(tmp_path, {"ratio": 0.8, "scope": "sensitivity"}, notes.append) == allocate(TWO, 0.75)
    assert notes == ["ratio 0.8 is beyond what layers can lose one by one: 0.75 of the units went"]


@pytest.mark.parametrize(
    ("left", "reason"),
    [([None, None, None], "failed"), ([0.5, 0.5, 0.5], "a cut would leave nothing of its layer")],
    ids=["failed", "emptied"],
)
def test_a_network_of_which_no_layer_can_be_cut_alone_stays_as_it_is(left, reason) -> None:
    rows = [
        Row("a", ratio, units=4, accuracy=one, note="failed" if one is None else "")
        for ratio, one in zip(RATIOS, left, strict=True)
    ]
    with pytest.raises(UnchangedError, match=f"^no layer can be cut alone: {reason}$"):
        reachable(Sensitivity(1.0, 100, {"a": 4}, tuple(rows)))


def test_a_cut_that_leaves_no_accuracy_can_still_be_asked_for() -> None:
    dead = table({"a": (16, [0.0, 0.0, 0.0])})
    assert allocate(dead, 0.5) == {"a": 0.5}


def test_scores_below_zero_are_compared_by_their_differences() -> None:
    rows = (Row("a", 0.5, 8, 10, -3.0, 2.0), Row("b", 0.5, 8, 10, -1.5, 0.5))
    errors = Sensitivity(-1.0, 100, {"a": 16, "b": 16}, rows)
    assert allocate(errors, 0.25) == {"b": 0.5}


accuracies = st.lists(st.floats(0, 1.1), min_size=3, max_size=3)
layers = st.lists(st.tuples(st.integers(4, 40), accuracies), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(layers, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_budget_is_met_no_layer_is_emptied_and_more_never_costs_less(layers, one, another) -> None:
    sensitivity = table({str(index): layer for index, layer in enumerate(layers)})
    reachable = share(sensitivity, dict.fromkeys(sensitivity.sizes, 0.75))
    small, large = sorted((one * reachable, another * reachable))
    less, more = allocate(sensitivity, small), allocate(sensitivity, large)
    assert share(sensitivity, less) >= small - 1e-6
    assert share(sensitivity, more) >= large - 1e-6
    assert all(0 < ratio < 1 for ratio in (*less.values(), *more.values()))
    assert all(sensitivity.sizes[layer] - int(sensitivity.sizes[layer] * ratio) >= 1 for layer, ratio in more.items())
    losses = [-math.log(left(sensitivity, ratios)) for ratios in (less, more)]
    assert losses[0] <= losses[1] + 2e-3  # up to what it counts for a smaller cut


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(4, 40), accuracies), min_size=2, max_size=3), st.floats(0.05, 0.95))
def test_no_other_choice_that_meets_the_budget_is_predicted_to_be_better(layers, part) -> None:
    sensitivity = table({str(index): layer for index, layer in enumerate(layers)})
    budget = part * share(sensitivity, dict.fromkeys(sensitivity.sizes, 0.75))
    best = left(sensitivity, allocate(sensitivity, budget))
    choices: list[dict[str, float]] = [{}]
    for layer in sensitivity.layers:
        choices = [{**choice, **more} for choice in choices for more in ({}, *({layer: ratio} for ratio in RATIOS))]
    able = [choice for choice in choices if share(sensitivity, choice) >= budget]
    assert math.log(best) >= max(math.log(left(sensitivity, choice)) for choice in able) - 2e-3


def test_the_ratio_is_shared_out_only_when_asked(tmp_path) -> None:
    TWO.write(tmp_path)
    assert ratios_for(tmp_path / "nowhere", {"ratio": 0.5, "scope": "local"}, pytest.fail) == 0.5
    assert ratios_for(tmp_path / "nowhere", {"ratio": 0.5}, pytest.fail) == 0.5
    shared = ratios_for(tmp_path, {"ratio": 0.5, "scope": "sensitivity"}, pytest.fail)
    assert shared == {"useless": 0.75, "needed": 0.25}
