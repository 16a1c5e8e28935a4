"""The chains of stages that are rehearsed: as few as have each network with each way to prune it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines.pipeline import network_stages
from pipelines.pruners import PRUNERS
from pipelines.pruners.n_m import PATTERN
from pipelines.pruners.options import ROUND_TO
from pipelines.stages import Distil, Prune, TrainTeacher, Work
from pipelines.stages.distil import OTHER_TEACHER
from pipelines.tasks.student_choice import StudentChoice
from spaces import NONE, ORDER, Recipe, Rule, SearchSpace, Value, When

Preferred = tuple[tuple[str, Value | None], ...]
"""Values by full name, where they can be had; None stands for none."""

DECISIVE = (ROUND_TO.name, PATTERN.name)
"""What decides whether a method finds anything to prune, besides the network."""

QUICK: Preferred = (
    ("pruning.scope", "local"),
    ("pruning.steps", 1),
    ("pruning.finetune", "always"),
)
"""What takes least time to rehearse, where the space has it."""


@dataclass(frozen=True)
class Cut:
    """One network and one way to prune it.

    Attributes:
        method: The way.
        who: The call that makes the network, for people.
        work: The chain of stages that ends with the cut.
        rules: What the space has to rule out if that cannot work, but for the reason.
    """

    method: str
    who: str
    work: tuple[Work, ...]
    rules: tuple[Rule, ...]


def students(space: SearchSpace, choice: StudentChoice) -> Iterator[tuple[Work, ...]]:
    """The chains that end with that student: with each feature that it learns, each way to begin, each teacher."""
    wanted = choice.axes
    axes = ("distillation.feature", "student.init", OTHER_TEACHER.name)
    found = []
    for more in [{}, *({axis: value} for axis in axes for value in space.used(axis))]:
        recipe = pick(space, {**wanted, **more}, _teaching(space))
        work = network_stages(recipe) if recipe else []
        distil = [item for item in work if isinstance(item[0], Distil)]
        if distil and distil[0] not in found:
            found.append(distil[0])
            yield work[0] if isinstance(work[0][0], TrainTeacher) else (TrainTeacher(), {}), distil[0]


def cuts(space: SearchSpace, choices: list[StudentChoice]) -> Iterator[Cut]:
    """Every network of the space that is pruned, with every way to prune it: each method, by its largest ratio.

    Of what else a method can be told, each value is tried that decides whether there is anything to prune.
    """
    for method in (str(value) for value in space.used("pruning.method") if value != NONE):
        told: list[dict[str, Value]] = [
            {parameter.name: value}
            for parameter in PRUNERS[method].parameters
            if parameter.name in DECISIVE
            for value in space.used(parameter.name)
        ]
        for more in told or [{}]:
            yield from _of_method(space, choices, {"pruning.method": method, **more})


def pick(space: SearchSpace, wanted: Mapping[str, Value], preferred: Preferred = ()) -> Recipe | None:
    """A recipe of `space` with the values `wanted`, by full name, and those `preferred` that it can have with them.

    None if there is none, or if a value that it needs is not known, as what the file gives is not legal.
    """
    left = _narrowed(space, wanted)
    if left is None or not left.size():
        return None
    for name, value in preferred:
        if value is not None and (narrower := _narrowed(left, {name: value})) and narrower.size():
            left = narrower
    params = next(left.points())
    return left.recipe(params) if left.legal(params) else None


def _of_method(space: SearchSpace, choices: list[StudentChoice], wanted: Mapping[str, Value]) -> Iterator[Cut]:
    """The networks that are pruned so: the students, and the teacher where it stays or is pruned before it teaches."""
    largest = (("pruning.ratio", _largest(space, "pruning.ratio")), ("pruning.alpha", _largest(space, "pruning.alpha")))
    preferred = (*largest, *_teaching(space), *QUICK)
    conditions = _conditions(space, wanted)
    method = str(wanted["pruning.method"])
    first = [order for order in space.orders if order.index("prune") < order.index("distil")]
    teachers = [{"student.depth": NONE}, *({ORDER: order} for order in first)]
    for uncompressed in teachers:
        if recipe := pick(space, {**wanted, **uncompressed}, preferred):
            rules = (
                Rule("", when=(*conditions, When("student.depth", (NONE,)))),
                Rule("", when=conditions, sequence=("prune", "distil")),
            )
            yield Cut(method, "teacher()", _until_cut(recipe), rules)
            break
    after = [order for order in space.orders if order not in first]
    for choice in choices if after else []:
        if recipe := pick(space, {**wanted, **choice.axes, ORDER: after[0]}, preferred):
            rule = Rule("", when=_conditions(space, {**wanted, **choice.axes}), sequence=("distil", "prune"))
            yield Cut(method, choice.call, _until_cut(recipe), (rule,))


def _conditions(space: SearchSpace, wanted: Mapping[str, Value]) -> tuple[When, ...]:
    """Return what holds for recipes with the values `wanted`, as far as others have other values."""
    return tuple(When(name, (value,)) for name, value in wanted.items() if len(space.axis(name).values) > 1)


def _until_cut(recipe: Recipe) -> tuple[Work, ...]:
    work = network_stages(recipe)
    (last,) = (index for index, (stage, _) in enumerate(work) if isinstance(stage, Prune))
    return tuple(work[: last + 1])


def _teaching(space: SearchSpace) -> Preferred:
    """A student listens to its teacher where it may, so that this is tried too."""
    return (("distillation.alpha", _largest(space, "distillation.alpha")),)


def _largest(space: SearchSpace, name: str) -> Value | None:
    return max((value for value in space.used(name) if isinstance(value, (int, float))), default=None)


def _narrowed(space: SearchSpace, wanted: Mapping[str, Value]) -> SearchSpace | None:
    """The part of `space` with the values `wanted`; None if one of them is not in its axis."""
    for name, value in wanted.items():
        if name == ORDER and len(space.orders) == 1:
            continue
        values = space.axis(name).values
        if value not in values:
            return None
        space = space.without(name, [other for other in values if other != value])
    return space
