from collections.abc import Sequence

from spaces import Axis, Rule, StepSpec, When
from spaces.box import count, parts

AXES = {
    axis.name: axis
    for axis in (
        Axis("student.depth", ("none", 1, 2)),
        Axis("teaching.alpha", (0, 0.5, 0.9)),
        Axis("teaching.temperature", (2, 4)),
    )
}
OFF, ON = {"student.depth": ("none",)}, {"student.depth": (1, 2)}
DEAF = {**ON, "teaching.alpha": (0,)}
TAUGHT = {**ON, "teaching.alpha": (0.5, 0.9), "teaching.temperature": (2, 4)}


def test_a_step_is_a_few_boxes(specs: Sequence[StepSpec]) -> None:
    off, on = parts(specs[0], AXES, [])
    assert (off.on, off.boxes, off.count) == (False, (OFF,), 1)
    assert (on.on, on.boxes, on.count) == (True, (DEAF, TAUGHT), 2 + 2 * 2 * 2)
    assert count(TAUGHT) == 8


def test_rules_tell_parts_apart(specs: Sequence[StepSpec]) -> None:
    rules = [
        Rule("deaf", when=(When("teaching.alpha", (0,)), When("elsewhere.a", (1,)))),
        Rule("not ours", when=(When("elsewhere.a", (1,)),)),
        Rule("half", when=(When("teaching.alpha", (0.5,)),)),
    ]
    found = {part.meets: part.boxes for part in parts(specs[0], AXES, rules)}
    half, most = ({**TAUGHT, "teaching.alpha": (alpha,)} for alpha in (0.5, 0.9))
    # The last one and the step that is off meet no condition of this step, but only the first is on.
    assert found.keys() == {frozenset({1}), frozenset({0, 1}), frozenset({1, 2})}
    assert found[frozenset({0, 1})] == (DEAF,)
    assert found[frozenset({1, 2})] == (half,)
    assert [part.boxes for part in parts(specs[0], AXES, rules) if part.on and part.meets == {1}] == [(most,)]
