from collections.abc import Sequence

import pytest

from spaces import Interval, Options, Parameter, Recipe, StepSpec, When


@pytest.fixture
def specs() -> Sequence[StepSpec]:
    """Three steps with every kind of condition: a number as switch, a refining choice, a condition on a value."""
    return (
        StepSpec(
            "shrink",
            (
                Parameter("student.depth", Options(("none", 1, 2, 3))),
                Parameter("teaching.alpha", Interval(0, 1), default=0.5),
                Parameter(
                    "teaching.temperature",
                    Interval(0, 100, open_low=True),
                    default=4,
                    when=(When("teaching.alpha", (0,), negated=True),),
                ),
            ),
            label=lambda p: f"d{p['depth']}",
        ),
        StepSpec(
            "cut",
            (
                Parameter("cutting.method", Options(("none", "channel", "block")), default="channel"),
                Parameter(
                    "cutting.ratio",
                    Interval(0, 1, open_low=True, open_high=True),
                    when=(When("cutting.method", ("channel",)),),
                ),
            ),
            label=lambda p: f"{p['method']}{p.get('ratio', '')}",
        ),
        StepSpec(
            "round",
            (
                Parameter("rounding.scheme", Options(("none", "dynamic", "static"))),
                Parameter(
                    "rounding.finder",
                    Options(("minmax", "entropy")),
                    default="minmax",
                    when=(When("rounding.scheme", ("static",)),),
                ),
            ),
            label=lambda p: str(p["scheme"]),
            gives="file",
        ),
    )


@pytest.fixture
def recipe(specs: Sequence[StepSpec]) -> Recipe:
    return Recipe.from_list(
        [{"shrink": {"depth": 2, "alpha": 0.5}}, {"cut": {"ratio": 0.25}}, {"round": {"scheme": "static"}}], specs
    )
