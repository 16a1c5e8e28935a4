"""Size of the exported file."""

from __future__ import annotations

from pathlib import Path

import zstandard

from pipelines.measurement import Measurement
from pipelines.meters.meter import Candidate, Metric
from pipelines.runtimes import Artifact

ZSTD_LEVEL = 19
"""The highest of zstd's levels that needs no more memory to unpack; files are packed once and unpacked often."""


class Size:
    """Bytes of the file that would be shipped, as it lies on the disk and as it would travel: packed with zstd.

    The exported file stays dense: zeros of unstructured pruning and the few values of clustered weights cost as much on
    the disk as any other, and show in the packed size only. Source: Y. Collet, M. Kucherawy, RFC 8878.
    """

    metrics: tuple[Metric, ...] = (
        Metric("size_mb", "minimize", "exported file, in units of 1,000,000 bytes", of_structure=True, exact=True),
        Metric("size_ratio", "minimize", "size relative to the exported teacher's", of_structure=True, exact=True),
        Metric(
            "size_zstd_mb",
            "minimize",
            "exported file packed with zstd, in units of 1,000,000 bytes",
            exact=True,
            best=0.0,
        ),
        Metric(
            "size_zstd_ratio",
            "minimize",
            "packed size relative to the exported teacher's, packed too",
            exact=True,
            best=0.0,
        ),
    )

    def __init__(self) -> None:
        self._references: dict[Artifact, int] = {}

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        with candidate.lease.shared():
            size_bytes, packed_bytes = candidate.artifact.path.stat().st_size, packed_size(candidate.artifact.path)
            if candidate.reference not in self._references:
                self._references[candidate.reference] = packed_size(candidate.reference.path)
        return Measurement(
            {
                "size_mb": size_bytes / 1e6,
                "size_ratio": size_bytes / candidate.reference.path.stat().st_size,
                "size_zstd_mb": packed_bytes / 1e6,
                "size_zstd_ratio": packed_bytes / self._references[candidate.reference],
            }
        )


def packed_size(file: Path) -> int:
    """The bytes of `file` packed with zstd."""
    return len(zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(file.read_bytes()))
