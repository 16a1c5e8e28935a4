"""The tree-structured Parzen estimator."""

from __future__ import annotations

from collections.abc import Mapping

from optuna import Study
from optuna.samplers import BaseSampler

from search.samplers.quick_tpe import QuickTpe


class Tpe:
    """Suggests what is likely among good trials and unlikely among the others.

    Multivariate: without it TPE treats parameters as independent and repeats itself. Group: without it the multivariate
    model drops every conditional parameter.

    Source: Y. Ozaki et al., "Multiobjective Tree-Structured Parzen Estimator", 2022.
    """

    name = "tpe"
    conditional = True

    def make(self, seed: int) -> BaseSampler:
        """See `Sampler.make`."""
        return QuickTpe(seed)

    def attributes(self, study: Study) -> Mapping[str, int]:
        """None are needed: it looks at all trials alike."""
        return {}
