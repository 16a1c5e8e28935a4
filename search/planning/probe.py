"""One recipe for each kind of stage of which nothing is known: what an estimate needs, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

from search.execution.work import Evaluate, run_trial
from search.planning.workload import Workload
from search.study.trial import Trial
from spaces import Recipe


def probes(workload: Workload, unknown: Iterable[str]) -> tuple[Recipe, ...]:
    """As few recipes as have all kinds of stages in `unknown`; among as few, those with the fewest stages.

    The uncompressed teacher alone if nothing is asked for but what every trial does.
    """
    asked = frozenset(unknown) & {kind.name for kind in workload.kinds}
    for count in range(1, len(workload.examples) + 1):
        covering = [few for few in combinations(workload.examples, count) if asked <= frozenset().union(*few)]
        if covering:
            best = min(covering, key=lambda few: sum(map(len, few)))
            return tuple(workload.examples[kinds] for kinds in best)
    return ()


def probe(recipes: Iterable[Recipe], evaluate: Evaluate, begin: Callable[[int, Recipe], None]) -> Iterator[Trial]:
    """Build and measure `recipes` in this process; what they need stays in the store, as with every trial.

    Args:
        recipes: What to do.
        evaluate: How.
        begin: Notified of the number and the recipe of each before it is done.

    Yields:
        What came of each: also one that failed, with the reason.
    """
    for number, recipe in enumerate(recipes):
        begin(number, recipe)
        result = run_trial(number, recipe, evaluate)
        yield Trial(number, recipe, {}, "", result.started, result)
