import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from spaces import InputError, Interval, Options, Parameter, Recipe, Rule, Step, StepSpec, When

TURNED = "cut-shrink-round"
FORM = "a recipe is a list of steps such as '- quantize: {scheme: static-int8}'"


def test_a_recipe_is_its_active_steps_with_their_active_parameters(recipe: Recipe) -> None:
    assert recipe.to_list() == [
        {"shrink": {"alpha": 0.5, "depth": 2, "temperature": 4}},
        {"cut": {"method": "channel", "ratio": 0.25}},
        {"round": {"finder": "minmax", "scheme": "static"}},
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"student.depth": 2, "teaching.alpha": 0, "teaching.temperature": 2},
            {"student.depth": 2, "teaching.alpha": 0.0, "teaching.temperature": 4},
        ),
        ({"student.depth": "none", "teaching.alpha": 0.9}, {"student.depth": "none"}),
        ({"cutting.method": "block", "cutting.ratio": 0.5}, {"cutting.method": "block"}),
        ({"rounding.scheme": "dynamic", "rounding.finder": "entropy"}, {"rounding.scheme": "dynamic"}),
    ],
    ids=["temperature of a weight of 0", "teaching nobody", "ratio of another method", "finder of another scheme"],
)
def test_what_does_not_apply_drops_out(specs: Sequence[StepSpec], one: dict, other: dict) -> None:
    off = {"student.depth": "none", "cutting.method": "none", "rounding.scheme": "none"}
    first, second = (Recipe.from_params({**off, **params}, specs) for params in (one, other))
    assert first == second
    assert first.digest == second.digest


def test_the_digest_does_not_change_between_versions_and_machines(recipe: Recipe) -> None:
    assert Recipe().digest == "4f53cda18c2baa0c0354bb5f9a3ecbe5"
    assert recipe.digest == Recipe(tuple(Step(step.name, step.items) for step in recipe.steps)).digest
    assert re.fullmatch("[0-9a-f]{32}", recipe.digest)


def test_a_parameter_that_applies_must_have_a_value(specs: Sequence[StepSpec]) -> None:
    with pytest.raises(KeyError, match=r"cutting\.ratio"):
        Recipe.from_params({"student.depth": "none", "cutting.method": "channel", "rounding.scheme": "none"}, specs)


def test_the_order_of_steps_is_part_of_a_recipe(specs: Sequence[StepSpec]) -> None:
    on = {"student.depth": 2, "teaching.alpha": 0, "cutting.method": "block", "rounding.scheme": "none"}
    plain = Recipe.from_params(on, specs)
    same, other = (Recipe.from_params({**on, "order": order}, specs) for order in ("shrink-cut-round", TURNED))
    assert plain == same
    assert [step.name for step in other.steps] == ["cut", "shrink"]
    assert other.digest != plain.digest
    assert other.label(specs) == "block·d2"
    assert Recipe.from_list(other.to_list(), specs) == other


def test_an_order_that_changes_nothing_drops_out(specs: Sequence[StepSpec]) -> None:
    on = {"student.depth": "none", "cutting.method": "block", "rounding.scheme": "dynamic"}
    assert len({Recipe.from_params({**on, "order": order}, specs) for order in ("shrink-cut-round", TURNED)}) == 1


def test_a_step_that_is_off_may_be_written_anywhere(specs: Sequence[StepSpec]) -> None:
    data = [{"round": {"scheme": "none"}}, {"cut": {"method": "block"}}, {"shrink": {"depth": "none"}}]
    assert Recipe.from_list(data, specs) == Recipe.from_list([data[1]], specs)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([{"shrink": {"depth": 1}}, {"cut": {"method": "block"}}], ""),
        ([{"cut": {"ratio": 0.5}}, {"shrink": {"depth": 1}}], ""),
        ([{"cut": {"method": "block"}}, {"shrink": {"depth": 1}}], "cut → shrink, cutting.method block: too late"),
    ],
    ids=["other order", "other method", "both"],
)
def test_a_recipe_that_is_ruled_out_is_refused_with_the_reason(
    specs: Sequence[StepSpec], data: list, told: str
) -> None:
    rule = Rule("too late", when=(When("cutting.method", ("block",)),), sequence=("cut", "shrink"))
    ruled = [replace(specs[0], rules=(rule,)), *specs[1:]]
    if told:
        with pytest.raises(InputError, match=re.escape(f"recipe: is ruled out: {told}")):
            Recipe.from_list(data, ruled)
    assert Recipe.from_list(data, ruled, recorded=True) == Recipe.from_list(data, specs)


def test_labels_are_for_people(specs: Sequence[StepSpec], recipe: Recipe) -> None:
    assert recipe.label(specs) == "d2·channel0.25·static"
    assert Recipe().label(specs) == "teacher"


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"shrink": {"depth": 1, "alpha": 0}}],
        [{"cut": {"method": "block"}}, {"round": {"scheme": "dynamic"}}],
        [{"shrink": {"depth": 3}}, {"cut": {"ratio": 0.5}}, {"round": {"scheme": "static", "finder": "entropy"}}],
    ],
    ids=["teacher", "one step", "no refinement", "all steps"],
)
def test_a_list_read_and_written_is_the_same_recipe(specs: Sequence[StepSpec], data: list) -> None:
    recipe = Recipe.from_list(data, specs)
    assert [list(step) for step in recipe.to_list()] == [list(step) for step in data]
    assert Recipe.from_list(recipe.to_list(), specs) == recipe


def test_a_step_that_is_switched_off_is_left_out(specs: Sequence[StepSpec]) -> None:
    assert Recipe.from_list([{"shrink": {"depth": "none"}}, {"cut": {"method": "none"}}], specs) == Recipe()


def test_a_step_that_is_switched_off_needs_none_of_its_values() -> None:
    share = Parameter("cutting.share", Interval(0, 1))
    spec = StepSpec("cut", (Parameter("cutting.method", Options(("none", "all"))), share), label=lambda p: "cut")
    assert Recipe.from_list([{"cut": {"method": "none"}}], [spec]) == Recipe()
    with pytest.raises(InputError, match=re.escape("recipe[0].cut.share: is missing; legal: a number >= 0 and <= 1")):
        Recipe.from_list([{"cut": {"method": "all"}}], [spec])


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        ({"cut": {}}, [f"recipe: {FORM}"]),
        (["cut"], [f"recipe[0]: {FORM}"]),
        ([{"cut": {"ratio": 0.5}, "round": {"scheme": "static"}}], [f"recipe[0]: {FORM}"]),
        ([{"cutt": {}}], ["recipe[0]: 'cutt' is not known (did you mean 'cut'?); legal: shrink, cut, round"]),
        (
            [{"round": {"scheme": "dynamic"}}, {"cut": {"ratio": 0.5}}],
            ["recipe[1]: cut needs a network, and round before it leaves a file; put cut before round"],
        ),
        (
            [{"cut": {"ratio": 0.5}}, {"cut": {"ratio": 0.5}}],
            ["recipe[1]: cut comes twice; a recipe takes each step once"],
        ),
        ([{"cut": 0.5}], ["recipe[0].cut: 0.5 is not a mapping of parameters"]),
        (
            [{"cut": {"ratio": 0.5, "rato": 1}}],
            ["recipe[0].cut.rato: 'rato' is not known (did you mean 'ratio'?); legal: method, ratio"],
        ),
        ([{"cut": {}}], ["recipe[0].cut.ratio: is missing; legal: a number > 0 and < 1"]),
        ([{"shrink": {}}], ["recipe[0].shrink.depth: is missing; legal: none, 1, 2, 3"]),
        (
            [{"cut": {"method": "block", "ratio": 0.5}}],
            ["recipe[0].cut.ratio: means nothing beside the other parameters; leave it out"],
        ),
        (
            [{"cut": {"method": "none", "ratio": 0.5}}],
            ["recipe[0].cut.ratio: means nothing beside the other parameters; leave it out"],
        ),
        (
            [{"cut": {"ratio": 7}}, {"square": {}}, {"round": {"scheme": "statik", "finder": "max"}}],
            [
                "recipe[0].cut.ratio: 7 is out of range; legal: a number > 0 and < 1",
                "recipe[1]: 'square' is not known; legal: shrink, cut, round",
                "recipe[2].round.scheme: 'statik' is not known (did you mean 'static'?); legal: none, dynamic, static",
                "recipe[2].round.finder: 'max' is not known (did you mean 'minmax'?); legal: minmax, entropy",
            ],
        ),
    ],
    ids=[
        "not a list", "not a mapping", "two steps in one", "unknown step", "wrong order", "step twice", "no parameters",
        "unknown key", "missing value", "missing switch", "meaningless", "beside none", "all at once",
    ],
)  # fmt: skip
def test_every_error_of_a_written_recipe_is_told(specs: Sequence[StepSpec], data: object, messages: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        Recipe.from_list(data, specs)
    assert str(caught.value).splitlines() == messages
