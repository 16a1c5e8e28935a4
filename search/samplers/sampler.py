"""The protocol of samplers: each makes an Optuna sampler for several objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from optuna import Study
from optuna.samplers import BaseSampler


class Sampler(Protocol):
    """A way to suggest points of a space.

    Attributes:
        name: The value of ``search.sampler`` that selects it.
        conditional: True if it learns parameters that apply only beside certain values of others. If False, it is asked
            for all parameters each time, and those that do not apply are ignored; in trials that it did not suggest
            they have the first value of their axis.
    """

    name: str
    conditional: bool

    def make(self, seed: int) -> BaseSampler:
        """Make the Optuna sampler.

        It must take several objectives. The same `seed` and history must give the same suggestions.
        """

    def attributes(self, study: Study) -> Mapping[str, int]:
        """The system attributes by which it takes a trial of `study` into account that it did not suggest itself."""
