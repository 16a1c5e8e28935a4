from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces import Axis, InputError, Interval, Only, Options, Parameter, Recipe, SearchSpace, StepSpec, When

FULL = {
    "student": {"depth": ["none", 1, 2]},
    "teaching": {"alpha": [0.0, 0.5], "temperature": [2, 4]},
    "cutting": {"method": ["none", "channel", "block"], "ratio": {"low": 0.25, "high": 0.75, "step": 0.25}},
    "rounding": {"scheme": ["none", "dynamic", "static"], "finder": ["minmax", "entropy"]},
}


def test_size_counts_recipes_and_not_combinations(specs: Sequence[StepSpec]) -> None:
    # shrink: none, or 2 depths × (α 0, or α 0.5 × 2 temperatures); cut: none, 3 ratios, block; round: none, 1, 2
    assert SearchSpace.parse(FULL, specs).size() == (1 + 2 * 3) * (1 + 3 + 1) * (1 + 1 + 2)


def test_points_are_the_distinct_recipes_in_a_fixed_order(specs: Sequence[StepSpec]) -> None:
    space = SearchSpace.parse(FULL, specs)
    recipes = [space.recipe(params) for params in space.points()]
    assert len({recipe.digest for recipe in recipes}) == len(set(recipes)) == space.size()
    assert recipes == [space.recipe(params) for params in space.points()]
    assert recipes[0] == Recipe()


def test_a_group_that_is_absent_switches_its_step_off(specs: Sequence[StepSpec]) -> None:
    space = SearchSpace.parse({}, specs)
    assert [space.recipe(params) for params in space.points()] == [Recipe()]


def test_a_parameter_that_is_absent_has_its_default(specs: Sequence[StepSpec]) -> None:
    space = SearchSpace.parse({"cutting": {"ratio": [0.25, 0.5]}}, specs)
    assert space.axis("cutting.method") == Axis("cutting.method", ("channel",))
    assert space.size() == 2


def test_a_parameter_that_can_never_apply_may_be_absent(specs: Sequence[StepSpec]) -> None:
    assert SearchSpace.parse({"cutting": {"method": ["none", "block"]}}, specs).size() == 2


def test_sample_asks_once_for_each_axis_that_applies_and_has_a_choice(specs: Sequence[StepSpec]) -> None:
    asked = []

    def last(axis: Axis) -> object:
        asked.append(axis.name)
        return axis.values[-1] if axis.name != "cutting.method" else "none"

    values = SearchSpace.parse({**FULL, "teaching": {"alpha": 0.5}}, specs).sample(last)
    assert asked == ["student.depth", "cutting.method", "rounding.scheme", "rounding.finder"]
    assert values == {
        "student.depth": 2,
        "teaching.alpha": 0.5,
        "teaching.temperature": 4,
        "cutting.method": "none",
        "rounding.scheme": "static",
        "rounding.finder": "entropy",
    }


@pytest.mark.parametrize(
    ("section", "messages"),
    [
        (None, ["space: None is not a mapping; legal keys: student, teaching, cutting, rounding"]),
        ({"cutting": "channel"}, ["space.cutting: 'channel' is not a mapping; legal keys: method, ratio"]),
        ({"cutting": {}, "teaching": {"alpha": 0.5}}, ["space.student.depth: is missing, but teaching.alpha needs it"]),
        (
            {"cutting": {"method": ["none", "channel"]}},
            ["space.cutting.ratio: is missing; give a value, a list or a range"],
        ),
        ({"cutting": {"ratio": None}}, ["space.cutting.ratio: None is not a number; legal: a number > 0 and < 1"]),
        (
            {"teachin": {}, "cutting": {"ratios": 1, "ratio": [2, 0.5]}, "student": {"depth": [4, 1, 1]}},
            [
                "space.teachin: 'teachin' is not known (did you mean 'teaching'?); "
                "legal: student, teaching, cutting, rounding",
                "space.cutting.ratios: 'ratios' is not known (did you mean 'ratio'?); legal: method, ratio",
                "space.student.depth: 4 is not known; legal: none, 1, 2, 3",
                "space.student.depth: 1 is given twice",
                "space.cutting.ratio: 2 is out of range; legal: a number > 0 and < 1",
            ],
        ),
    ],
    ids=["nothing", "group is a word", "refinement without switch", "no value", "null", "all at once"],
)  # fmt: skip
def test_everything_wrong_is_told_at_once(specs: Sequence[StepSpec], section: object, messages: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        SearchSpace.parse(section, specs)
    assert str(caught.value).splitlines() == messages


MEASURED = (
    StepSpec(
        "cut",
        (
            Parameter("cutting.unit", Options(("none", "channel", "weight"))),
            Parameter("cutting.scope", Options(("local", "global")), default="local"),
            Parameter(
                "cutting.measure",
                Options(("l2", "lamp", "scale")),
                default="l2",
                only=(
                    Only((When("cutting.unit", ("weight",)),), ("l2", "lamp")),
                    Only((When("cutting.scope", ("local",)),), ("l2", "scale")),
                ),
            ),
        ),
        label=lambda p: str(p["unit"]),
    ),
)


def test_what_cannot_be_together_is_no_recipe() -> None:
    section = {"unit": ["channel", "weight"], "scope": ["local", "global"], "measure": ["l2", "lamp", "scale"]}
    space = SearchSpace.parse({"cutting": section}, MEASURED)
    # channel: 2 measures locally, 3 globally; weight: 1 locally, 2 globally
    assert space.size() == 2 + 3 + 1 + 2
    digests = {space.recipe(params).digest for params in space.points()}
    for index in range(3):
        sampled = space.sample(lambda axis, index=index: axis.values[index % len(axis.values)])
        assert space.recipe(sampled).digest in digests


def test_sample_does_not_ask_where_only_one_value_is_possible() -> None:
    space = SearchSpace.parse(
        {"cutting": {"unit": "weight", "measure": ["l2", "lamp"], "scope": ["local", "global"]}}, MEASURED
    )
    asked = []
    values = space.sample(lambda axis: asked.append(axis.name) or axis.values[0])
    assert (asked, values["cutting.measure"]) == (["cutting.scope"], "l2")


@pytest.mark.parametrize(
    ("section", "messages"),
    [
        (
            {"unit": ["weight"], "scope": "global", "measure": ["l2", "scale"]},
            ["space.cutting.measure: 'scale' cannot be beside cutting.unit weight; legal: l2, lamp"],
        ),
        (
            {"unit": ["channel", "weight"], "scope": "global", "measure": "scale"},
            ["space.cutting.measure: 'scale' cannot be beside cutting.unit weight; legal: l2, lamp"],
        ),
        (
            {"unit": ["none", "channel", "weight"], "measure": "lamp"},
            ["space.cutting.measure: 'lamp' cannot be beside cutting.scope local; legal: l2, scale"],
        ),
        ({"unit": "none", "measure": "lamp"}, []),
    ],
    ids=["never possible", "nothing possible beside one", "never possible at all", "nothing is asked"],
)
def test_what_can_never_be_chosen_and_what_has_no_choice_is_told(section: dict, messages: list[str]) -> None:
    if not messages:
        assert SearchSpace.parse({"cutting": section}, MEASURED).size() == 1
        return
    with pytest.raises(InputError) as caught:
        SearchSpace.parse({"cutting": section}, MEASURED)
    assert str(caught.value).splitlines() == messages


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """Up to three steps, each with a switch and up to three refinements under random conditions."""
    steps, axes = [], []
    for step in range(draw(st.integers(1, 3))):
        parameters: list[Parameter] = [Parameter(f"s{step}.switch", Options(("none", "a", "b")))]
        for index in range(draw(st.integers(0, 3))):
            conditions = draw(st.lists(st.tuples(st.integers(0, index), st.booleans()), max_size=2))
            when = tuple(
                When(parameters[of].name, ("a",) if of == 0 else (1,), negated=negated) for of, negated in conditions
            )
            only = tuple(Only((condition,), (0, 1)) for condition in draw(st.permutations(when))[:1])
            parameters.append(
                Parameter(f"s{step}.p{index}", Interval(0, integer=True), default=0, when=when, only=only)
            )
        for parameter in parameters:
            legal = ["none", "a", "b"] if isinstance(parameter.domain, Options) else [0, 1, 2]
            values = tuple(draw(st.lists(st.sampled_from(legal), min_size=1, unique=True)))
            # A space that was parsed has a possible value beside every choice.
            axes.append(Axis(parameter.name, values if values != (2,) else (2, 0)))
        steps.append(StepSpec(f"step{step}", tuple(parameters), label=lambda p: "s"))
    return SearchSpace(tuple(steps), tuple(axes))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(spaces(), st.randoms(use_true_random=False))
def test_size_points_and_samples_agree_on_any_space(space: SearchSpace, random: object) -> None:
    points = list(space.points())
    digests = {space.recipe(params).digest for params in points}
    assert len(points) == len(digests) == space.size()
    sampled = space.sample(lambda axis: random.choice(axis.values))  # type: ignore[attr-defined]
    assert space.recipe(sampled).digest in digests
    assert sampled in points


@settings(max_examples=60, deadline=None, derandomize=True)
@given(spaces())
def test_every_recipe_of_any_space_can_be_written_and_read(space: SearchSpace) -> None:
    for params in list(space.points())[:50]:
        recipe = space.recipe(params)
        assert Recipe.from_list(recipe.to_list(), space.steps) == recipe
