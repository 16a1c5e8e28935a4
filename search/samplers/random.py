"""Random search."""

from __future__ import annotations

from collections.abc import Mapping

from optuna import Study
from optuna.samplers import BaseSampler, RandomSampler


class Random:
    """Suggests at random, whatever was found so far: what the others have to be better than."""

    name = "random"
    conditional = True

    def make(self, seed: int) -> BaseSampler:
        """See `Sampler.make`."""
        return RandomSampler(seed=seed)

    def attributes(self, study: Study) -> Mapping[str, int]:
        """None are needed: it looks at no trial."""
        return {}
