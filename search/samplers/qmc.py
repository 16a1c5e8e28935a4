"""Points that fill the space evenly."""

from __future__ import annotations

from collections.abc import Mapping

from optuna import Study
from optuna.samplers import BaseSampler, QMCSampler


class Qmc:
    """Suggests the points of a scrambled Sobol' sequence, whatever was found so far: more even than random ones.

    Source: J. Bergstra, Y. Bengio, "Random Search for Hyper-Parameter Optimization", 2012, section 5.
    """

    name = "qmc"
    conditional = False

    def make(self, seed: int) -> BaseSampler:
        """See `Sampler.make`."""
        return QMCSampler(scramble=True, seed=seed)

    def attributes(self, study: Study) -> Mapping[str, int]:
        """None are needed: it looks at no trial."""
        return {}
