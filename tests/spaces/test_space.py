import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, permutations, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces import Axis, InputError, Interval, Options, Parameter, Recipe, Rule, SearchSpace, StepSpec, When

FULL = {
    "student": {"depth": ["none", 1, 2]},
    "teaching": {"alpha": [0.0, 0.5], "temperature": [2, 4]},
    "cutting": {"method": ["none", "channel", "block"], "ratio": {"low": 0.25, "high": 0.75, "step": 0.25}},
    "rounding": {"scheme": ["none", "dynamic", "static"], "finder": ["minmax", "entropy"]},
}


def test_size_counts_recipes_and_not_combinations(specs: Sequence[StepSpec]) -> None:
    # shrink: none, or 2 depths × (α 0, or α 0.5 × 2 temperatures); cut: none, 3 ratios, block; round: none, 1, 2
    assert SearchSpace.parse(FULL, specs).size() == (1 + 2 * 3) * (1 + 3 + 1) * (1 + 1 + 2)


@pytest.mark.parametrize("depth", [["none", 1, 2], [1, 2]], ids=["with the teacher", "without it"])
def test_the_uncompressed_teacher_may_be_left_out_of_the_size(specs: Sequence[StepSpec], depth) -> None:
    space = SearchSpace.parse({**FULL, "student": {"depth": depth}}, specs)
    assert space.size(compressed=True) == sum(bool(space.recipe(params).steps) for params in space.points())


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
        (None, ["space: null is not a mapping; legal keys: student, teaching, cutting, rounding, order"]),
        ({"cutting": "channel"}, ["space.cutting: 'channel' is not a mapping; legal keys: method, ratio"]),
        ({"cutting": {}, "teaching": {"alpha": 0.5}}, ["space.student.depth: is missing, but teaching.alpha needs it"]),
        (
            {"cutting": {"method": ["none", "channel"]}},
            ["space.cutting.ratio: is missing; give a value, a list or a range"],
        ),
        ({"cutting": {"ratio": None}}, ["space.cutting.ratio: null is not a number; legal: a number > 0 and < 1"]),
        (
            {"teachin": {}, "cutting": {"ratios": 1, "ratio": [2, 0.5]}, "student": {"depth": [4, 1, 1]}},
            [
                "space.teachin: 'teachin' is not known (did you mean 'teaching'?); "
                "legal: student, teaching, cutting, rounding, order",
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


def test_what_is_legal_is_read_beside_the_problems(specs: Sequence[StepSpec]) -> None:
    section = {
        "student": {"depth": [0, 2, 1]},
        "teaching": {"alpha": 7, "colour": "red"},
        "cutting": {"method": ["none", "chanel"], "ratio": 0.5},
        "rounding": "static",
        "order": "cut",
    }
    space, problems = SearchSpace.read(section, specs)
    assert [problem.where for problem in problems] == [
        "space.teaching.colour",
        "space.rounding",
        "space.student.depth",
        "space.teaching.alpha",
        "space.cutting.method",
        "space.order",
    ]
    assert space is not None
    assert {axis.name: axis.values for axis in space.axes} == {
        "student.depth": (2, 1),
        "teaching.alpha": ("none",),
        "teaching.temperature": (4,),
        "cutting.method": ("none",),
        "cutting.ratio": (0.5,),
        "rounding.scheme": ("none",),
        "rounding.finder": ("none",),
        "order": ("shrink-cut-round",),
    }
    assert space.used("student.depth") == (2, 1)


def test_what_is_no_mapping_has_no_space(specs: Sequence[StepSpec]) -> None:
    space, problems = SearchSpace.read(["student"], specs)
    assert space is None
    assert [problem.where for problem in problems] == ["space"]


@pytest.mark.parametrize(
    ("section", "places", "unread"),
    [
        ({"cutting": {"ratios": 0.5}}, ["space.cutting.ratios"], "cutting.ratio"),
        ({"cutting": {"metod": "block", "ratio": 0.5}}, ["space.cutting.metod"], "cutting.method"),
        ({"studnt": {"depth": 2}, "teaching": {"alpha": 0.5}}, ["space.studnt"], "student.depth"),
        ({"student": {"depth": 9}, "teaching": {"alpha": 0.5}}, ["space.student.depth"], "student.depth"),
    ],
    ids=["a key", "a key with a default", "a group", "a switch"],
)
def test_what_is_misspelt_is_neither_missing_nor_its_default(
    specs: Sequence[StepSpec], section: object, places: list[str], unread: str
) -> None:
    space, problems = SearchSpace.read(section, specs)
    assert [problem.where for problem in problems] == places
    assert space is not None
    assert space.axis(unread) == Axis(unread, ("none",))


def test_a_misspelt_key_hides_nothing_else_that_is_missing(specs: Sequence[StepSpec]) -> None:
    _, problems = SearchSpace.read({"cutting": {"x": 1, "method": "channel"}}, specs)
    assert [problem.where for problem in problems] == ["space.cutting.x", "space.cutting.ratio"]


def test_a_space_without_some_values(specs: Sequence[StepSpec]) -> None:
    space = SearchSpace.parse(FULL, specs)
    assert space.without("rounding.scheme", ["static"]).axis("rounding.scheme").values == ("none", "dynamic")
    assert space.without("student.depth", ["none", 1, 2]).axis("student.depth").values == ("none",)
    assert space.without("student.depth", []) == space


ORDERS = ["shrink-cut-round", "cut-shrink-round"]


def test_orders_count_where_two_steps_may_change_places(specs: Sequence[StepSpec]) -> None:
    space = SearchSpace.parse({**FULL, "order": ORDERS}, specs)
    # 6 students and 4 cuts in either order, each with 4 roundings, besides what has only one of the two
    assert space.size() == (6 * 4 * 2 + 6 + 4 + 1) * 4
    points = list(space.points())
    assert len({space.recipe(params).digest for params in points}) == len(points) == space.size()
    assert all(("order" in p) == (p["student.depth"] != "none" != p["cutting.method"]) for p in points)


def test_another_order_alone_is_taken_and_not_asked_for(specs: Sequence[StepSpec]) -> None:
    space = SearchSpace.parse({**FULL, "order": ORDERS[1]}, specs)
    values = space.sample(lambda axis: axis.values[-1])
    assert "order" not in values
    assert [step.name for step in space.recipe(values).steps] == ["cut", "shrink", "round"]
    assert space.size() == SearchSpace.parse(FULL, specs).size()


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("cut-shrink", "'cut-shrink' lacks round; an order names every step, switched on or not"),
        (
            "shrink-round-cut",
            "'shrink-round-cut' cannot be: cut needs a network, and round before it leaves a file; put cut before "
            "round; legal: shrink-cut-round, cut-shrink-round",
        ),
        (
            "cut-cut-round",
            "'cut-cut-round' cannot be: cut comes twice; a recipe takes each step once; "
            "legal: shrink-cut-round, cut-shrink-round",
        ),
        (
            "shrink-cut-rond",
            "'shrink-cut-rond' is not known (did you mean 'shrink-cut-round'?); legal: shrink-cut-round, "
            "cut-shrink-round",
        ),
        (7, "7 is not known; legal: shrink-cut-round, cut-shrink-round"),
    ],
    ids=["too short", "after the file", "twice", "near miss", "number"],
)
def test_an_order_that_cannot_be_is_told_with_the_reason(
    specs: Sequence[StepSpec], order: object, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        SearchSpace.parse({**FULL, "order": [ORDERS[0], order]}, specs)
    assert str(caught.value) == f"space.order: {message}"


EARLY = Rule("a block is wanted later", when=(When("cutting.method", ("block",)),), sequence=("cut", "shrink"))
DEAF = Rule("nobody listens", when=(When("teaching.alpha", (0,)), When("rounding.scheme", ("none",), negated=True)))


def ruled(specs: Sequence[StepSpec], *rules: Rule) -> Sequence[StepSpec]:
    return [replace(specs[0], rules=rules), *specs[1:]]


def test_what_is_ruled_out_is_not_counted_and_costs_what_it_costs(specs: Sequence[StepSpec]) -> None:
    space = SearchSpace.parse({**FULL, "order": ORDERS}, ruled(specs, EARLY, DEAF))
    # EARLY: 6 students after a block, 4 roundings. DEAF: 2 students without a teacher, 3 roundings that are not none,
    # and none or a block, or a ratio, before or after it. Both: 2 × 3 with a block before.
    deaf = 2 * 3 * (1 + 4 * 2)
    assert space.ruled_out() == {EARLY: 6 * 4, DEAF: deaf}
    assert space.size() == (6 * 4 * 2 + 6 + 4 + 1) * 4 - 6 * 4 - deaf + 2 * 3
    assert len(list(space.points())) == space.size()


def test_a_rule_about_what_does_not_exist_rules_out_nothing(specs: Sequence[StepSpec]) -> None:
    rules = (
        Rule("no such value", when=(When("cutting.method", ("laser",)),)),
        Rule("no such parameter", when=(When("nailing.size", (3,)),)),
        Rule("no such parameter", when=(When("nailing.size", (3,), negated=True),)),
        Rule("no such step", sequence=("cut", "nail")),
    )
    space = SearchSpace.parse(FULL, ruled(specs, *rules))
    assert space.ruled_out() == {}
    assert space.size() == SearchSpace.parse(FULL, specs).size()


def test_a_space_of_which_nothing_is_left_is_an_error(specs: Sequence[StepSpec]) -> None:
    rule = Rule("all of them are bad", when=(When("cutting.method", ("channel", "block")),))
    with pytest.raises(InputError, match=r"space: every recipe is ruled out: cutting\.method channel or block: all of"):
        SearchSpace.parse({"cutting": {"method": "block"}}, ruled(specs, rule))


def test_a_point_that_is_ruled_out_becomes_one_that_differs_little(specs: Sequence[StepSpec]) -> None:
    space = SearchSpace.parse({**FULL, "order": ORDERS}, ruled(specs, EARLY, DEAF))
    bad = {"student.depth": 2, "teaching.alpha": 0.0, "cutting.method": "none", "rounding.scheme": "dynamic"}
    assert space.broken(bad) == (DEAF,)
    repaired = space.repair(bad)
    assert space.broken(repaired) == ()
    assert repaired == space.repair(bad) == {**bad, "rounding.scheme": "none"}  # an alpha would need a temperature
    assert space.repair(repaired) is repaired


def test_a_number_is_repaired_to_the_nearest(specs: Sequence[StepSpec]) -> None:
    rule = Rule("half is taken", when=(When("cutting.ratio", (0.5,)), When("rounding.scheme", ("none",))))
    section = {"cutting": {"ratio": [0.1, 0.4, 0.5, 0.9]}}
    space = SearchSpace.parse(section, ruled(specs, rule))
    bad = {"student.depth": "none", "cutting.method": "channel", "cutting.ratio": 0.5, "rounding.scheme": "none"}
    assert space.repair(bad) == {**bad, "cutting.ratio": 0.4}


def test_draws_are_uniform_over_recipes(specs: Sequence[StepSpec]) -> None:
    space = SearchSpace.parse(
        {"student": {"depth": ["none", 1]}, "teaching": FULL["teaching"], "order": ORDERS}, ruled(specs, DEAF)
    )
    chance, drawn = Random(0), Counter[str]()
    for _ in range(4000):
        drawn[space.recipe(space.draw(chance)).digest] += 1
    assert len(drawn) == space.size() == 4
    # 1,000 each are expected; five standard deviations are 137.
    assert all(abs(count - 1000) < 137 for count in drawn.values())


def test_the_work_does_not_grow_with_the_number_of_recipes() -> None:
    """10⁹ recipes, all but some thousands ruled out, in as many regions as the rules tell apart."""
    steps = []
    for index in range(3):
        more = tuple(Parameter(f"s{index}.p{each}", Interval(0, 100, integer=True), default=0) for each in range(3))
        rule = Rule("small only", when=(When(f"s{index}.p0", (0,), negated=True),))
        steps.append(
            StepSpec(f"step{index}", (Parameter(f"s{index}.switch", Options(("none", "a"))), *more), str, rules=(rule,))
        )
    section = {f"s{index}": {"switch": "a", **{f"p{each}": list(range(10)) for each in range(3)}} for index in range(3)}
    space = SearchSpace.parse(section, steps)
    assert space.size() == 100**3
    assert sum(region.count for region in space._all_regions) == 1000**3
    assert len(space._all_regions) == 8
    assert space.ruled_out() == {rule: 900 * 1000**2 for step in steps for rule in step.rules}
    first = next(space.points())
    assert space.broken(first) == ()
    assert all(space.broken(space.draw(Random(seed))) == () for seed in range(20))


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
            parameters.append(Parameter(f"s{step}.p{index}", Interval(0, 100, integer=True), default=0, when=when))
        for parameter in parameters:
            legal = ["none", "a", "b"] if isinstance(parameter.domain, Options) else [0, 1, 2]
            axes.append(Axis(parameter.name, tuple(draw(st.lists(st.sampled_from(legal), min_size=1, unique=True)))))
        steps.append(StepSpec(f"step{step}", tuple(parameters), label=lambda p: "s"))
    steps = [replace(step, rules=tuple(draw(st.lists(rules(steps), max_size=2)))) for step in steps]
    orders = [*permutations(step.name for step in steps)]
    chosen = draw(st.lists(st.sampled_from(orders), min_size=1, max_size=4, unique=True))
    axes.append(Axis("order", tuple("-".join(order) for order in chosen)))
    return SearchSpace(tuple(steps), tuple(axes))


def rules(steps: Sequence[StepSpec]) -> st.SearchStrategy[Rule]:
    """Rules on up to three parameters of any steps, one that does not exist among them, with or without a sequence."""
    names = [(p.name, p.domain) for step in steps for p in step.parameters]
    condition = st.one_of(
        *(
            st.builds(
                When,
                st.just(name),
                st.sampled_from([("a",), ("b", "none")] if isinstance(domain, Options) else [(1,), (0, 2)]),
                st.booleans(),
            )
            for name, domain in [*names, ("not.there", Options(()))]
        )
    )
    sequence = st.lists(st.sampled_from([step.name for step in steps]), max_size=2, unique=True).map(tuple)
    return st.builds(Rule, st.just("so"), st.lists(condition, min_size=1, max_size=3).map(tuple), sequence)


def recipes_of(space: SearchSpace) -> Iterator[tuple[Recipe, bool]]:
    """Every recipe that the axes describe, by brute force, and whether a rule is broken."""
    for values in product(*(axis.values for axis in space.axes)):
        params = dict(zip((axis.name for axis in space.axes), values, strict=True))
        recipe = Recipe.from_params(params, space.steps)
        applying = {k: v for step in space.steps for k, v in step.walk(lambda p, params=params: params[p.name]).items()}
        names = [step.name for step in recipe.steps]
        yield recipe, any(rule.broken_by(applying, names) for step in space.steps for rule in step.rules)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(spaces(), st.randoms(use_true_random=False))
def test_size_points_and_samples_agree_on_any_space(space: SearchSpace, random: Random) -> None:
    points = list(space.points())
    digests = {space.recipe(params).digest for params in points}
    assert len(points) == len(digests) == space.size()
    if not points:
        return
    sampled = space.sample(lambda axis: random.choice(axis.values))
    assert space.recipe(sampled).digest in digests
    assert sampled in points
    assert space.draw(random) in points


@settings(max_examples=100, deadline=None, derandomize=True)
@given(spaces())
def test_points_keep_every_rule_and_whatever_is_excluded_breaks_one(space: SearchSpace) -> None:
    if math.prod(len(axis.values) for axis in space.axes) > 1000:
        return
    everything = dict(recipes_of(space))
    assert all(space.broken(params) == () for params in space.points())
    assert {space.recipe(params) for params in space.points()} == {r for r, broken in everything.items() if not broken}
    costs = space.ruled_out()
    assert (sum(everything.values()) > 0) == bool(costs)
    assert max(costs.values(), default=0) <= sum(everything.values()) <= sum(costs.values())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(spaces(), st.randoms(use_true_random=False))
def test_recipes_are_equal_exactly_if_steps_and_the_order_seen_are(space: SearchSpace, random: Random) -> None:
    orders = ["-".join(order) for order in permutations(step.name for step in space.steps)]
    params = space.propose(lambda axis: random.choice(axis.values))
    seen: dict[tuple[str, ...], str] = {}
    for order in orders:
        recipe = Recipe.from_params({**params, "order": order}, space.steps)
        assert seen.setdefault(tuple(step.name for step in recipe.steps), recipe.digest) == recipe.digest
    assert len(set(seen.values())) == len(seen) == math.factorial(len(next(iter(seen))))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(spaces())
def test_every_recipe_of_any_space_can_be_written_and_read(space: SearchSpace) -> None:
    for params in islice(space.points(), 50):
        recipe = space.recipe(params)
        assert Recipe.from_list(recipe.to_list(), space.steps) == recipe


def test_what_stands_in_for_values_that_are_not_legal_is_not(specs) -> None:
    space, problems = SearchSpace.read({"cutting": {"method": "channel", "ratio": 7}}, specs)
    assert problems
    assert not space.legal(next(space.points()))
    space, _ = SearchSpace.read({"cutting": {"method": "channel", "ratio": 0.5}}, specs)
    assert space.legal(next(space.points()))
