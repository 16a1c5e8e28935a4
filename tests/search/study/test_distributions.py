import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search.study.distributions import chosen_params, distribution
from spaces import Axis


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        (Axis("a.b", ("none", 1, 0.5)), CategoricalDistribution(("none", 1, 0.5))),
        (Axis("a.b", (1, 2, 4)), CategoricalDistribution((1, 2, 4))),
        (Axis("a.b", (2, 4, 6), step=2), IntDistribution(2, 6, step=2)),
        (Axis("a.b", (0.25, 0.5, 0.75), step=0.25), FloatDistribution(0.25, 0.75, step=0.25)),
    ],
    ids=["words", "a list of numbers", "a range of whole numbers", "a range"],
)
def test_a_range_keeps_its_order_and_a_list_is_a_choice(axis: Axis, expected) -> None:
    assert distribution(axis) == expected


def test_what_was_not_chosen_is_left_out(make_config) -> None:
    space = make_config(space={"student": {"depth": 1}}).space
    params = {"student.depth": 1, "pruning.method": "channel", "pruning.ratio": 0.5}
    chosen, distributions = chosen_params(space, params)
    assert chosen == {"pruning.method": "channel", "pruning.ratio": 0.5}  # one depth is no choice
    assert list(distributions) == list(chosen)
    assert distributions["pruning.ratio"] == FloatDistribution(0.25, 0.75, step=0.25)
