import pytest

from pipelines import STEPS
from search.suggest.suffixes import choices, feature_names, join, prefix_of, suffixes
from spaces import Recipe, SearchSpace

NETWORK = {"student.depth": "none", "pruning.method": "channel", "pruning.ratio": 0.5}
NOTHING, STATIC = {"quantization.scheme": "none"}, {"quantization.scheme": "static-int8"}


@pytest.fixture
def space(make_config) -> SearchSpace:
    schemes = {"scheme": ["none", "fp16", "static-int8"], "calibrator": ["minmax", "entropy"]}
    return make_config(space={"student": {"depth": ["none", 1]}, "quantization": schemes}).space


def test_each_way_to_go_on_is_named_once(space) -> None:
    named = [(way["quantization.scheme"], way.get("quantization.calibrator")) for way in suffixes(space)]
    expected = [("none", None), ("fp16", None), ("static-int8", "minmax"), ("static-int8", "entropy")]
    assert sorted(named, key=str) == sorted(expected, key=str)


def test_recipes_that_differ_in_the_file_only_have_the_same_networks() -> None:
    def pruned(ratio: float, *rest) -> Recipe:
        return Recipe.from_list([{"prune": {"method": "channel", "ratio": ratio}}, *rest], STEPS)

    static, trained = ({"quantize": {"scheme": scheme}} for scheme in ("static-int8", "qat-int8"))
    assert prefix_of(pruned(0.5)) == prefix_of(pruned(0.5, static)) != prefix_of(pruned(0.25))
    assert prefix_of(pruned(0.5, trained)) != prefix_of(pruned(0.5))


def test_joined_parameters_are_a_point_of_the_space(space) -> None:
    full = space.propose(lambda axis: {**NETWORK, **NOTHING}.get(axis.name, axis.values[0]))
    points = list(space.points())
    joined = [join(space, full, way) for way in suffixes(space)]
    assert all(params in points for params in joined)
    assert len({space.recipe(params).digest for params in joined}) == 4


def test_the_teacher_is_gone_on_from_only_where_the_space_has_it(space, make_config) -> None:
    (static, *_) = [way for way in suffixes(space) if way["quantization.scheme"] == "static-int8"]
    assert space.recipe(join(space, {}, static)).label(STEPS).startswith("static-int8")
    assert join(make_config().space, {}, STATIC) is None  # every recipe of that space has a student


def test_a_scheme_counts_more_than_its_parameters() -> None:
    params = {**STATIC, "quantization.calibrator": "entropy", "pruning.ratio": 0.5}
    found = choices(params, ["quantization.scheme"])
    assert [weight for _, weight in found] == [1.0, 0.5]
    assert choices(NOTHING, ["quantization.scheme"]) == []
    assert list(feature_names([NOTHING, params], ["quantization.scheme"]).values()) == [0, 1]
