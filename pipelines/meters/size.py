"""Size of the exported file."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.bench.packed_size import ZSTD_LEVEL, packed_size
from pipelines.extra import versions
from pipelines.file_hash import sha256
from pipelines.ledger import PACKING, spending
from pipelines.measurement import Measurement
from pipelines.meters.meter import NOT_ASKED_FOR, Candidate, Metric
from pipelines.runtimes import Artifact
from spaces import digest

COMPRESS = "compress"
"""What a packed size is called among the entries of the store."""

FOUND = "size.json"
"""The file of such an entry."""


class Size:
    """Bytes of the file that would be shipped, as it lies on the disk and as it would travel: packed with zstd.

    The exported file stays dense: zeros of unstructured pruning and the few values of clustered weights cost as much on
    the disk as any other, and show in the packed size only. Source: Y. Collet, M. Kucherawy, RFC 8878.

    Packing takes longer than all other measuring of a large file. So it is done only where it is asked for, and once
    for all files with the same bytes: the store keeps the number.
    """

    running = False
    metrics: tuple[Metric, ...] = (
        Metric("size_mb", "minimize", "exported file, in units of 1,000,000 bytes", of_structure=True, exact=True),
        Metric("size_ratio", "minimize", "size relative to the exported teacher's", of_structure=True, exact=True),
        Metric(
            "size_zstd_mb",
            "minimize",
            "exported file packed with zstd, in units of 1,000,000 bytes",
            exact=True,
            best=0.0,
            on_request=True,
        ),
        Metric(
            "size_zstd_ratio",
            "minimize",
            "packed size relative to the exported teacher's, packed too",
            exact=True,
            best=0.0,
            on_request=True,
        ),
    )

    def measure(self, candidate: Candidate) -> Measurement:
        """See `Meter.measure`."""
        size_bytes, reference_bytes = (each.path.stat().st_size for each in (candidate.artifact, candidate.reference))
        found = Measurement({"size_mb": size_bytes / 1e6, "size_ratio": size_bytes / reference_bytes})
        for metric in self.metrics:
            if metric.on_request and metric.name not in candidate.asked:
                found |= Measurement({}, notes={metric.name: NOT_ASKED_FOR})
        if "size_zstd_mb" in candidate.asked:
            found |= Measurement({"size_zstd_mb": _packed_bytes(candidate, candidate.artifact) / 1e6})
        if "size_zstd_ratio" in candidate.asked:
            own, reference = (_packed_bytes(candidate, each) for each in (candidate.artifact, candidate.reference))
            found |= Measurement({"size_zstd_ratio": own / reference})
        return found


def _packed_bytes(candidate: Candidate, artifact: Artifact) -> int:
    """The bytes of `artifact` when packed, from the store if some file with the same bytes was packed before."""

    def pack(folder: Path) -> None:
        with candidate.lease.shared():
            (folder / FOUND).write_text(json.dumps(packed_size(artifact.path)), encoding="utf-8")

    about = {"stage": COMPRESS, "sha256": sha256(artifact.path), "level": ZSTD_LEVEL}
    with spending(PACKING):
        entry = candidate.store.compute(digest(about | versions(("zstandard",))), pack, about)
    return int(json.loads((entry.folder / FOUND).read_text(encoding="utf-8")))
