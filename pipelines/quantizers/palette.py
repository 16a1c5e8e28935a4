"""The few values that stand for the many of a weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

POINTS = 2**15
"""At most so many values of a weight, spread evenly over it, are looked at to find its centroids."""

LEAST_POINTS = 2**11
"""Of each of several groups of channels so many values are looked at in any case."""


@dataclass(frozen=True)
class Palette:
    """A weight as centroids and which of them each value is.

    Attributes:
        codebook: The centroids, ascending but for an exact zero that comes first if there is one, float32, (colours,).
        codes: The index into `codebook` of the centroid nearest to each value, uint8, of the weight's shape.
        zero: Whether the first centroid is an exact zero.
    """

    codebook: np.ndarray
    codes: np.ndarray
    zero: bool

    @classmethod
    def of(cls, weight: np.ndarray, colours: int, *, zero: bool = False, points: int = POINTS) -> Palette:
        """At most `colours` centroids for `weight`, found by k-means that starts from evenly spaced values.

        Exact zeros, which only pruning makes in any number, get a centroid of their own, so that they stay zeros.
        Source: S. Han, H. Mao, W. J. Dally, "Deep Compression", 2016, section 3, which also finds even spacing the best
        start, as it keeps the few large weights.

        Args:
            weight: The numbers.
            colours: The most centroids.
            zero: Whether an exact zero is one of them in any case.
            points: So many values are looked at, at most.
        """
        flat = weight.reshape(-1).astype(np.float32)
        others = flat[flat != 0]
        zero = zero or len(others) < len(flat)
        centroids = _centroids(others, colours - zero, points)
        if zero:
            centroids = np.union1d(centroids, np.zeros(1, dtype=np.float32))
        codes = np.searchsorted((centroids[1:] + centroids[:-1]) / 2, flat)
        if zero:
            first = int(np.flatnonzero(centroids == 0)[0])
            centroids = np.concatenate([centroids[first : first + 1], np.delete(centroids, first)])
            codes = np.where(codes == first, 0, codes + (codes < first))
        return cls(centroids, codes.astype(np.uint8).reshape(weight.shape), zero)


@dataclass(frozen=True)
class Palettes:
    """A weight as groups of neighbouring output channels, each with a palette of its own.

    Attributes:
        codebooks: The centroids of each group as in `Palette`, padded with zeros, float32, (groups, colours).
        codes: The index into its group's codebook for each value, uint8, output channels first.
        rows: So many channels are in a group; the last may have fewer.
        zero: Whether the first centroid of every group is an exact zero.
    """

    codebooks: np.ndarray
    codes: np.ndarray
    rows: int
    zero: bool

    @classmethod
    def of(cls, weight: np.ndarray, colours: int, groups: int) -> Palettes:
        """At most `groups` palettes of at most `colours` centroids for `weight`, whose output channels come first.

        Source: the documentation of Core ML Tools, "Palettization", which calls it grouped channels.
        """
        rows = -(-len(weight) // min(groups, len(weight)))
        parts = [weight[start : start + rows] for start in range(0, len(weight), rows)]
        zero, points = not weight.all(), max(POINTS // len(parts), LEAST_POINTS)
        found = [Palette.of(part, colours, zero=zero, points=points) for part in parts]
        widest = max(len(each.codebook) for each in found)
        books = np.stack([np.pad(each.codebook, (0, widest - len(each.codebook))) for each in found])
        return cls(books, np.concatenate([each.codes for each in found]), rows, zero)


def _centroids(values: np.ndarray, count: int, points: int) -> np.ndarray:
    from sklearn.cluster import KMeans  # slow to load, and needed by one scheme

    distinct = np.unique(values)
    if len(distinct) <= count:
        return distinct
    chosen = np.sort(values)[np.linspace(0, len(values) - 1, min(len(values), points)).astype(np.int64)]
    start = np.linspace(distinct[0], distinct[-1], count)
    with threadpool_limits(limits=1):  # sums over several threads differ from run to run
        found = KMeans(count, init=start[:, None], n_init=1).fit(chosen[:, None].astype(np.float64))
    return np.unique(found.cluster_centers_.astype(np.float32))
