"""Size of the exported file."""

from __future__ import annotations

from pipelines.meters.meter import Metric, Subject


class Size:
    """Bytes of the file that would be shipped, as it lies on the disk."""

    metrics: tuple[Metric, ...] = (
        Metric("size_mb", "minimize", "exported file, in units of 1,000,000 bytes"),
        Metric("size_ratio", "minimize", "size relative to the exported teacher's"),
    )

    def measure(self, subject: Subject) -> dict[str, float]:
        """See `Meter.measure`."""
        size_bytes = subject.file.stat().st_size
        return {"size_mb": size_bytes / 1e6, "size_ratio": size_bytes / subject.reference.stat().st_size}
