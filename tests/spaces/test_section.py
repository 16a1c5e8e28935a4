from collections.abc import Sequence

import pytest

from spaces import Axis, StepSpec
from spaces.errors import shown
from spaces.section import read_section

OFF = {
    "student.depth": ("none",),
    "teaching.alpha": (0.5,),
    "teaching.temperature": (4,),
    "cutting.method": ("none",),
    "cutting.ratio": ("none",),
    "rounding.scheme": ("none",),
    "rounding.finder": ("minmax",),
    "order": ("shrink-cut-round",),
}
"""The axes of a section that asks for nothing."""


def values_of(axes: Sequence[Axis]) -> dict[str, tuple]:
    return {axis.name: axis.values for axis in axes}


@pytest.mark.parametrize(
    ("section", "changed"),
    [
        ({}, {}),
        ({"student": {"depth": [2, 1]}}, {"student.depth": (2, 1)}),
        ({"cutting": {"ratio": 0.5}}, {"cutting.method": ("channel",), "cutting.ratio": (0.5,)}),
        ({"cutting": {"method": "block"}}, {"cutting.method": ("block",)}),
        ({"order": "cut-shrink-round"}, {"order": ("cut-shrink-round",)}),
    ],
    ids=["nothing", "a list", "a switch by its default", "what cannot apply is off", "an order"],
)
def test_every_parameter_gets_an_axis(specs: Sequence[StepSpec], section: object, changed: dict) -> None:
    axes, problems = read_section(section, specs)
    assert problems == []
    assert axes is not None
    assert values_of(axes) == OFF | changed


def test_a_range_becomes_its_values(specs: Sequence[StepSpec]) -> None:
    axes, _ = read_section({"cutting": {"ratio": {"low": 0.25, "high": 0.75, "step": 0.25}}}, specs)
    assert axes is not None
    assert Axis("cutting.ratio", (0.25, 0.5, 0.75), 0.25) in axes


@pytest.mark.parametrize("section", [None, "student", ["student"]], ids=["nothing", "a word", "a list"])
def test_what_is_no_mapping_has_no_axes(specs: Sequence[StepSpec], section: object) -> None:
    axes, problems = read_section(section, specs)
    assert axes is None
    assert [str(problem) for problem in problems] == [
        f"space: {shown(section)} is not a mapping; legal keys: student, teaching, cutting, rounding, order"
    ]


def test_a_parameter_that_cannot_be_read_is_off_and_asked_for_once(specs: Sequence[StepSpec]) -> None:
    axes, problems = read_section({"cutting": {"metod": "channel"}, "rounding": {"scheme": "statik"}}, specs)
    assert [problem.where for problem in problems] == ["space.cutting.metod", "space.rounding.scheme"]
    assert axes is not None
    assert values_of(axes) == OFF


def test_what_is_needed_and_missing_is_told(specs: Sequence[StepSpec]) -> None:
    _, problems = read_section({"cutting": {"method": ["none", "channel"]}, "teaching": {"alpha": 0}}, specs)
    assert [str(problem) for problem in problems] == [
        "space.student.depth: is missing, but teaching.alpha needs it",
        "space.cutting.ratio: is missing; give a value, a list or a range",
    ]
