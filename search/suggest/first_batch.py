"""The first batch: few networks, from each of which a sweep goes on in several ways before it trains others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from search.study.proposal import Proposal
from search.suggest.in_flight import InFlight
from search.suggest.suffixes import join
from spaces import NONE, Recipe, SearchSpace, StepSpec, Value

TRUNKS, BRANCHES = 3, 4
"""So many networks are begun with at most, and from each so many ways to go on are tried, none of them included."""

SHARE = 0.5
"""The batch is at most this share of the trials that are planned."""

DRAWN = 200
"""From so many random recipes the batch is chosen."""


class FirstBatch:
    """Proposes the recipes to begin with, where the sampler would draw at random.

    What is drawn at random shares little: nearly each of the first trials trains a network of its own. The batch has
    `TRUNKS` students (or the teacher, where the space keeps it), of different depths as far as there are, and goes on
    from each in `BRANCHES` different ways: as it is, and pruned by different methods and ratios. Files stay as they are
    exported: what else may become of them, suffix variants try. Of those that nothing blocks the cheapest goes first,
    so that a network that is there is pruned before another is trained.

    Args:
        space: What may be tried.
        seed: The same seed gives the same batch.
        planned: How many trials there are to be; None if that is not known.
        in_flight: What things take, and what is being computed.
        tried: Whether a recipe was tried.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        planned: int | None,
        in_flight: InFlight,
        tried: Callable[[Recipe], bool],
    ) -> None:
        self._in_flight, self._tried = in_flight, tried
        most = TRUNKS * BRANCHES if planned is None else int(SHARE * planned)
        self._left = _batch(space, Random(f"first:{seed}"))[:most]

    def propose(self) -> Proposal | None:
        """The next of the batch that is not blocked, None if there is none now."""
        self._left = [each for each in self._left if not self._tried(each.recipe)]
        free = [each for each in self._left if self._in_flight.free(each.recipe)]
        if not free:
            return None
        taken = min(free, key=lambda each: self._in_flight.seconds(each.recipe))
        self._left.remove(taken)
        return taken


def _batch(space: SearchSpace, rng: Random) -> list[Proposal]:
    """The batch, trunk by trunk."""
    networks = [step for step in space.steps if step.gives != "file"]
    if not networks:
        return []
    first, *rest = networks
    off: Mapping[str, Value] = {step.switch.name: NONE for step in space.steps if step.gives == "file"}
    drawn = [space.draw(rng) for _ in range(DRAWN)]
    found: dict[str, Proposal] = {}
    for trunk in _spread([_part(params, [first]) for params in drawn], first.switch.name, TRUNKS):
        plain: dict[str, Value] = {step.switch.name: NONE for step in rest}
        rng.shuffle(drawn)
        ways = _spread([plain, *(_part(params, rest) for params in drawn)], None, BRANCHES)
        for way in ways:
            params = join(space, {**trunk, **way}, off)
            recipe = None if params is None else space.recipe(params)
            if params is not None and recipe is not None and recipe.steps:
                found.setdefault(recipe.digest, Proposal(recipe, params, "first"))
    return list(found.values())


def _part(params: Mapping[str, Value], steps: list[StepSpec]) -> dict[str, Value]:
    """Those of `params` that are of `steps`."""
    names = {parameter.name for step in steps for parameter in step.parameters}
    return {name: value for name, value in params.items() if name in names}


def _spread(parts: list[dict[str, Value]], by: str | None, count: int) -> list[dict[str, Value]]:
    """`count` of `parts` at most, in order: different ones, of different values of the parameter `by` if possible."""
    distinct = list({tuple(sorted(part.items(), key=str)): part for part in parts}.values())
    if by is None:
        return distinct[:count]
    firsts = {part.get(by): part for part in reversed(distinct)}
    chosen = [part for part in distinct if firsts[part.get(by)] is part]
    return [*chosen, *(part for part in distinct if part not in chosen)][:count]
