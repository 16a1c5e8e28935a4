import numpy as np
import pytest

from search.config.objective import Objective
from search.selection.preference import Best, Knee, Weights, scaled
from spaces import InputError

PAIR = (Objective("latency_ms", "minimize"), Objective("size_mb", "minimize"))


@pytest.fixture
def make_trials(make_trial):
    return lambda points: [make_trial(number, (0.9, *point)) for number, point in enumerate(points)]


def winner(preference, trials) -> int:
    return int(np.argmin(preference.scores(trials, trials, PAIR)))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([[0, 10], [1, 1], [10, 0]], 1),
        ([[0, 10], [9, 9], [10, 0]], 0),  # scaled: (0, 1), (.9, .9), (1, 0)
        ([[0, 1000], [0.1, 200], [1, 0]], 1),  # the scale of an objective does not matter
        ([[3, 3]], 0),
        ([[1, 5], [1, 5]], 0),
        ([[2, 7], [2, 6]], 1),
    ],
)
def test_the_knee_is_the_point_nearest_to_the_ideal(make_trials, points, expected) -> None:
    assert winner(Knee(), make_trials(points)) == expected


def test_equal_weights_choose_in_a_hollow_where_a_sum_would_not(make_trials) -> None:
    hollow = make_trials([[0, 10], [6, 6], [10, 0]])  # sums are 1, 1.2 and 1; the largest are 1, .6 and 1
    assert winner(Weights({"latency_ms": 1, "size_mb": 1}), hollow) == 1


def test_only_the_ratio_of_weights_matters(make_trials) -> None:
    trials = make_trials([[0, 10], [2, 5], [5, 2], [10, 0]])
    for factor in (0.001, 1, 1000):
        assert winner(Weights({"latency_ms": 3 * factor, "size_mb": factor}), trials) == 1
        assert winner(Weights({"latency_ms": factor, "size_mb": 3 * factor}), trials) == 2


def test_what_has_no_weight_decides_between_equals(make_trials) -> None:
    trials = make_trials([[1, 9], [1, 3], [4, 0]])
    assert winner(Weights({"latency_ms": 1}), trials) == 1


@pytest.mark.parametrize("preference", [Best(PAIR[0]), Knee(), Weights({"size_mb": 1})])
def test_every_preference_scores_each_and_names_itself(make_trials, preference) -> None:
    trials = make_trials([[0, 10], [2, 5]])
    assert preference.scores(trials[:1], trials, PAIR).shape == (1,)
    assert str(preference).startswith("the ")
    assert set(preference.needs(PAIR)) <= {"latency_ms", "size_mb"}


def test_scaling_runs_from_the_best_to_the_worst() -> None:
    among = np.array([[1.0, 5.0, np.inf], [3.0, 5.0, np.inf], [np.inf, 5.0, np.inf]])
    expected = [[0, 0, np.inf], [1, 0, np.inf], [np.inf, 0, np.inf]]
    assert scaled(among, among).tolist() == expected


def test_weights_are_read() -> None:
    assert Weights.parse("accuracy=2, latency_ms=.5").by_metric == {"accuracy": 2.0, "latency_ms": 0.5}
    assert str(Weights.parse("accuracy=2,latency_ms=1")) == "the best by weights accuracy=2, latency_ms=1"


def test_all_that_is_wrong_with_weights_is_told_at_once() -> None:
    with pytest.raises(InputError) as told:
        Weights.parse("accuracy=2,latency=1,size_mb=0,size_mb,accuracy=1,size_mb=nan")
    number = "is not METRIC=NUMBER with a number larger than 0"
    messages = [problem.message for problem in told.value.problems]
    assert messages[0].startswith("'latency' is not known (did you mean 'latency_ms'?); legal: accuracy,")
    assert messages[1:] == [
        f"'size_mb=0' {number}",
        f"'size_mb' {number}",
        "accuracy is given twice",
        f"'size_mb=nan' {number}",
    ]
    assert {problem.where for problem in told.value.problems} == {"--weights"}
