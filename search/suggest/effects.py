"""Effects of choices on numbers, learned from results that differ in these choices only."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

PRIOR_RESULTS = 4
"""The assumed noise counts like that many results."""


@dataclass
class _Group:
    """The mean of what is known of one group."""

    count: int
    features: np.ndarray
    values: np.ndarray


class Effects:
    """A Bayesian linear model of the differences within groups; each group has a level of its own.

    Values are ``level of the group + features · effects + noise``. The effects have a normal prior around zero, so that
    what was seen seldom is pulled towards no effect; the noise is learned with them. Taking each group's mean away
    before is the same as a flat prior for its level. Source: A. Gelman et al., Bayesian Data Analysis, 3rd ed., 2013,
    chapter 14 (the normal linear model with its conjugate prior).

    Args:
        features: How many features a choice has.
        prior: The standard deviation of an effect before anything is known, shape (values,).
        noise: The same of the noise, shape (values,); it must be the same share of `prior` for all values.
    """

    def __init__(self, features: int, prior: np.ndarray, noise: np.ndarray) -> None:
        self._noise = noise
        self._groups: dict[Hashable, _Group] = {}
        self._precision = np.eye(features) * float(np.mean((noise / prior) ** 2))
        self._product = np.zeros((features, len(prior)))
        self._squares = np.zeros(len(prior))
        self._free = 0
        self._fit: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def add(self, group: Hashable, features: np.ndarray, values: np.ndarray) -> None:
        """Take note of one result.

        Args:
            group: Where it belongs.
            features: Of its choice, shape (features,).
            values: What came of it, shape (values,).
        """
        known = self._groups.get(group)
        if known is None:
            self._groups[group] = _Group(1, features.astype(float), values.astype(float))
            return
        self._fit = None
        # Welford's update: sums of products around the mean, as the mean moves.
        share = known.count / (known.count + 1)
        off, miss = features - known.features, values - known.values
        self._precision += share * np.outer(off, off)
        self._product += share * np.outer(off, miss)
        self._squares += share * miss**2
        self._free += 1
        known.count += 1
        known.features = known.features + off / known.count
        known.values = known.values + miss / known.count

    def predict(self, group: Hashable, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict what would come of choices in a `group` of which something is known.

        Args:
            group: Where.
            features: Of the choices, shape (choices, features).

        Returns:
            The expected values, and the standard deviations of what the effects are not known by, without noise; both
            of shape (choices, values).
        """
        if self._fit is None:
            self._fit = self._solve()
        known, (inverse, effects, noise) = self._groups[group], self._fit
        off = features - known.features
        spread = np.sqrt(np.maximum(np.sum(off @ inverse * off, axis=1), 0.0))
        return known.values + off @ effects, spread[:, None] * noise

    def _solve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The inverse of the precision, the expected effects, and the expected noise."""
        inverse = np.linalg.inv(self._precision)
        effects = inverse @ self._product
        unexplained = np.maximum(self._squares - np.sum(effects * self._product, axis=0), 0.0)
        noise = np.sqrt((PRIOR_RESULTS * self._noise**2 + unexplained) / (PRIOR_RESULTS + self._free))
        return inverse, effects, noise
