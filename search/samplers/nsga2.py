"""The genetic algorithm NSGA-II."""

from __future__ import annotations

from collections.abc import Mapping

from optuna import Study
from optuna.samplers import BaseSampler, NSGAIISampler

from search.samplers.generations import POPULATION, current_generation


class Nsga2:
    """Crosses good trials and mutates them; prefers those that lie apart on the front.

    Source: K. Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", 2002.
    """

    name = "nsga2"
    conditional = False

    def make(self, seed: int) -> BaseSampler:
        """See `Sampler.make`."""
        return NSGAIISampler(population_size=POPULATION, seed=seed)

    def attributes(self, study: Study) -> Mapping[str, int]:
        """See `Sampler.attributes`."""
        return current_generation(NSGAIISampler, study)
