"""The workload of a sweep's trials, told before it is known which trials there will be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import exp, lgamma
from random import Random

from pipelines.pipeline import nodes
from pipelines.stages import Trains
from pipelines.training.context import Context
from spaces import Recipe, SearchSpace

LIMIT = 1000
"""So many recipes are looked at, or as many as there are trials if that is more; all of the space if it has fewer."""

MOST = 5000
"""No more than that are looked at even for more trials: it would take too long."""


@dataclass(frozen=True)
class Kind:
    """One kind of stage.

    Attributes:
        name: The stage.
        epochs: Of its training; None if it does not train.
        recipes: How many of the recipes that were looked at, the uncompressed teacher included, have such a stage.
        needed: How many results there are that so many of the recipes need: ``{recipes: results}``.
        stored: The same of those results that the store has.
        each: How many a recipe needs on the average if it shares nothing, and is compared with nothing.
    """

    name: str
    epochs: int | None
    recipes: int
    needed: Mapping[int, int]
    stored: Mapping[int, int]
    each: float

    @property
    def distinct(self) -> int:
        """The number of different results."""
        return sum(self.needed.values())


@dataclass(frozen=True)
class Workload:
    """The stages that recipes need: their own, and those of what they are compared with (see `Evaluator.chain`).

    Attributes:
        recipes: How many recipes were looked at; the uncompressed teacher, which is trial 0, is none of them.
        among: Of how many recipes those were drawn at random; so many as `recipes` if all were looked at.
        kinds: By kind of stage, in the order of the work.
        keys: The keys of all results in the store.
        examples: For each combination of kinds of stages that a recipe may have, one of the shortest such recipes.
    """

    recipes: int
    among: int
    kinds: tuple[Kind, ...]
    keys: frozenset[str]
    examples: Mapping[frozenset[str], Recipe]

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        context: Context,
        stored: frozenset[str],
        trials: int = 0,
        formats: Collection[str] = (),
    ) -> Workload:
        """The workload of `space`.

        Args:
            space: What is searched.
            context: What stages share.
            stored: The keys of the results that are there already.
            trials: How many trials it will be asked about; for more than `MOST`, nothing is told.
            formats: All formats in which files are made; that of `context`, when empty.
        """
        recipes = _recipes(space, min(MOST, max(LIMIT, trials)))
        names: dict[str, str] = {}
        epochs: dict[str, int | None] = {}
        places: dict[str, int] = {}
        needs, own, having = Counter[str](), Counter[str](), Counter[str]()
        examples: dict[frozenset[str], Recipe] = {}
        others = [replace(context, format=each) for each in formats if each != context.format]
        teacher = [node for each in (context, *others) for node in nodes(Recipe(), each)]
        for recipe in (Recipe(), *recipes):
            chain = list(nodes(recipe, context))
            besides = (node for each in others for one in (recipe, recipe.parent()) for node in nodes(one, each))
            work = [*chain, *nodes(recipe.parent(), context), *besides, *teacher]
            for stage, params, key in work:
                if key not in names:
                    names[key] = stage.name
                    epochs[stage.name] = stage.extent(params, context).epochs if isinstance(stage, Trains) else None
            for place, (stage, _, _) in enumerate(chain):
                places[stage.name] = max(place, places.get(stage.name, 0))
            needs.update({key for _, _, key in work} if recipe.steps else ())
            own.update(stage.name for stage, _, _ in chain)
            combination = frozenset(stage.name for stage, _, _ in chain)
            having.update(combination)
            examples.setdefault(combination, recipe)
        kinds = tuple(
            Kind(
                name,
                epochs[name],
                having[name],
                Counter(needs[key] for key in names if names[key] == name),
                Counter(needs[key] for key in names if names[key] == name and key in stored),
                own[name] / (len(recipes) + 1),
            )
            for name in sorted(places, key=lambda name: places[name])
        )
        return cls(len(recipes), space.size(compressed=True), kinds, frozenset(names), examples)

    def having(self, kind: Kind) -> int:
        """Return how many of all recipes have a stage of `kind`: an estimate if only some of them were looked at."""
        return round(kind.recipes * (self.among + 1) / (self.recipes + 1))

    def expected(self, kind: Kind, trials: int, *, missing: bool = False) -> float:
        """The expected number of different results of `kind` that the first `trials` trials need.

        Trial 0 is the uncompressed teacher, the others are different recipes drawn at random. A result that c of N
        recipes need is needed by none of m of them with the probability C(N - c, m) / C(N, m), so that the expectation
        is the sum of 1 - C(N - c, m) / C(N, m) over the results. Where the N recipes are drawn from a larger space, the
        expectation over that draw is the one for the whole space. A sampler that has learned where to look shares more.

        Args:
            kind: One of `kinds`.
            trials: How many; no more than `recipes` and the teacher where the space has more.
            missing: Count only results that the store does not have.
        """
        drawn = min(trials - 1, self.recipes)
        return sum(
            (results - (kind.stored.get(recipes, 0) if missing else 0)) * _met(recipes, self.recipes, drawn)
            for recipes, results in kind.needed.items()
        )


def _met(recipes: int, among: int, drawn: int) -> float:
    """The probability that one of `recipes` of `among` is in a sample of `drawn`; 1 for what all need."""
    if recipes >= among or drawn > among - recipes:
        return 1.0
    rest = among - recipes
    return 1 - exp(lgamma(rest + 1) - lgamma(rest - drawn + 1) + lgamma(among - drawn + 1) - lgamma(among + 1))


def _recipes(space: SearchSpace, count: int) -> list[Recipe]:
    """All recipes of `space` but the uncompressed teacher, or `count` different ones drawn from them."""
    if space.size() <= count + 1:
        found = [space.recipe(params) for params in space.points()]
    else:
        rng, drawn = Random(0), dict[str, Recipe]()
        while len(drawn) < count + 1:
            recipe = space.recipe(space.draw(rng))
            drawn[recipe.digest] = recipe
        found = list(drawn.values())
    return [recipe for recipe in found if recipe.steps]
