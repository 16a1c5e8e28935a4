"""The genetic algorithm NSGA-III."""

from __future__ import annotations

from collections.abc import Mapping

from optuna import Study
from optuna.samplers import BaseSampler, NSGAIIISampler

from search.samplers.generations import POPULATION, current_generation


class Nsga3:
    """Crosses good trials and mutates them; spreads them over reference directions, for three objectives and more.

    Source: K. Deb, H. Jain, "An Evolutionary Many-Objective Optimization Algorithm", 2014.
    """

    name = "nsga3"
    conditional = False

    def make(self, seed: int) -> BaseSampler:
        """See `Sampler.make`."""
        return NSGAIIISampler(population_size=POPULATION, seed=seed)

    def attributes(self, study: Study) -> Mapping[str, int]:
        """See `Sampler.attributes`."""
        return current_generation(NSGAIIISampler, study)
