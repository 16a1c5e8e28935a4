"""The space of a sweep: every recipe that it may try."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from random import Random

from spaces.axis import Axis
from spaces.errors import InputError, Problem
from spaces.order import ORDER, distinct, join, restrict
from spaces.parameter import NONE, Parameter, Params, Value
from spaces.recipe import Recipe
from spaces.region import Region, nearest, regions
from spaces.rule import Rule
from spaces.section import read_section
from spaces.step import StepSpec


@dataclass(frozen=True)
class SearchSpace:
    """The axes of a sweep over the steps that exist, with the conditions between them and what is ruled out.

    Attributes:
        steps: The steps, in the order in which they are taken unless the space says otherwise.
        axes: One axis for each parameter of the steps, and one called ``order`` for the orders of the steps.
        found: What is ruled out besides what the steps rule out: combinations that were tried and cannot work. The
            same space was asked for, whatever was found.
    """

    steps: tuple[StepSpec, ...]
    axes: tuple[Axis, ...]
    found: tuple[Rule, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, section: object, steps: Sequence[StepSpec]) -> SearchSpace:
        """Read the ``space`` section of a sweep's file.

        A group that is absent switches its step off; a parameter that is absent has its default.

        Raises:
            InputError: every unknown key and illegal value, with its key path; or rules that leave no recipe.
        """
        space, problems = cls.read(section, steps)
        if problems or space is None:
            raise InputError(problems)
        return space

    @classmethod
    def read(cls, section: object, steps: Sequence[StepSpec]) -> tuple[SearchSpace | None, list[Problem]]:
        """Read the ``space`` section of a sweep's file as far as it is legal.

        Returns:
            The space of the legal values, or None if `section` is no mapping; and what `parse` would raise. An axis
            without a legal value has the only value ``none``.
        """
        axes, problems = read_section(section, steps)
        if axes is None:
            return None, problems
        space = cls(tuple(steps), axes)
        if not problems and not space.size():
            problems = [Problem("space", f"every recipe is ruled out: {rule}") for rule in space.ruled_out()]
        return space, problems

    def without(self, name: str, values: Collection[Value]) -> SearchSpace:
        """The space in which the parameter called `name` has none of `values`, but only ``none`` if nothing is left."""
        left = tuple(value for value in self.axis(name).values if value not in values) or (NONE,)
        axes = (replace(axis, values=left) if axis.name == name else axis for axis in self.axes)
        return replace(self, axes=tuple(axes))

    def ruling_out(self, rules: Iterable[Rule]) -> SearchSpace:
        """The same space without the recipes that `rules` rule out, too."""
        return replace(self, found=(*self.found, *rules))

    def axis(self, name: str) -> Axis:
        """The axis of the parameter called `name`."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Axis]:
        return {axis.name: axis for axis in self.axes}

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders of steps that may be chosen."""
        axis = self._by_name.get(ORDER)
        return tuple(map(str, axis.values)) if axis else (join([step.name for step in self.steps]),)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of the steps, and those found besides; a rule that several declare is one."""
        return tuple(dict.fromkeys([*(rule for step in self.steps for rule in step.rules), *self.found]))

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The recipes that may be tried, in regions whose number does not grow with that of the recipes."""
        return tuple(region for region in self._all_regions if not region.broken)

    @cached_property
    def _all_regions(self) -> tuple[Region, ...]:
        return tuple(regions(self.steps, self._by_name, self.orders, self.rules))

    def size(self, *, compressed: bool = False) -> int:
        """The number of distinct recipes of the space, those that are ruled out not counted.

        Args:
            compressed: Count only those that have a step, which the uncompressed teacher has not.
        """
        return sum(region.count for region in self.regions if region.sequence or not compressed)

    def ruled_out(self) -> dict[Rule, int]:
        """The rules that cost recipes, and how many; a recipe that breaks several is counted with each of them."""
        costs: dict[Rule, int] = {}
        for region in self._all_regions:
            for rule in region.broken:
                costs[rule] = costs.get(rule, 0) + region.count
        return costs

    def excluded(self) -> int:
        """The number of recipes that are ruled out."""
        return sum(region.count for region in self._all_regions if region.broken)

    def used(self, name: str) -> tuple[Value, ...]:
        """The values of the parameter called `name` that are in some recipe, in the order of its axis."""
        found: set[Value] = set()
        for region in self.regions:
            boxes = (box for part in region.parts for box in part.boxes)
            found |= {value for box in boxes for value in box.get(name, ())}
            found |= {region.order} if name == ORDER and region.order else set()
        axis = self._by_name.get(name)
        return tuple(value for value in axis.values if value in found) if axis else ()

    def points(self) -> Iterator[dict[str, Value]]:
        """The parameters of every distinct recipe, lazily, in a fixed order."""
        for region in self.regions:
            for box in region.boxes():
                for values in product(*box.values()):
                    yield dict(zip(box, values, strict=True))

    def draw(self, rng: Random) -> dict[str, Value]:
        """The parameters of a random recipe, each recipe of the space equally likely."""
        (region,) = rng.choices(self.regions, weights=[region.count for region in self.regions])
        return region.draw(rng)

    def sample(self, suggest: Callable[[Axis], Value]) -> dict[str, Value]:
        """Choose one point: as `propose`, and repaired if that is ruled out.

        Returns:
            The values of all parameters that apply, by full name.
        """
        return self.repair(self.propose(suggest))

    def propose(self, suggest: Callable[[Axis], Value]) -> dict[str, Value]:
        """Ask `suggest` once for each axis that applies and has a choice; what comes out may be ruled out.

        Returns:
            The values of all parameters that apply, by full name.
        """
        axes = self._by_name

        def choose(parameter: Parameter) -> Value:
            axis = axes[parameter.name]
            return suggest(axis) if len(axis.values) > 1 else axis.values[0]

        params = {name: value for step in self.steps for name, value in step.walk(choose).items()}
        ways = distinct(self.orders, self._on(params))
        if len(ways) > 1:
            # Orders that mean the same with these steps are one: the first of them.
            params[ORDER] = ways[restrict(str(suggest(axes[ORDER])), self._on(params))]
        return params

    def legal(self, params: Params) -> bool:
        """Whether every value of `params` is legal: not where an axis without a legal value stands in for one."""
        parameters = (parameter for step in self.steps for parameter in step.parameters)
        return not any(each.domain.problem(params[each.name]) for each in parameters if each.name in params)

    def broken(self, params: Params) -> tuple[Rule, ...]:
        """The rules that the point `params` breaks: none if it may be tried."""
        sequence = restrict(str(params.get(ORDER, self.orders[0])), self._on(params))
        return tuple(rule for rule in self.rules if rule.broken_by(params, sequence))

    def repair(self, params: dict[str, Value]) -> dict[str, Value]:
        """The point `params` itself if it may be tried, else one of those that differ from it least."""
        return nearest(self.regions, params) if self.broken(params) else params

    def recipe(self, params: Mapping[str, Value]) -> Recipe:
        """The recipe that `params` (by full name) describe."""
        return Recipe.from_params({ORDER: self.orders[0], **params}, self.steps)

    def _on(self, params: Params) -> set[str]:
        return {step.name for step in self.steps if params[step.switch.name] != NONE}
