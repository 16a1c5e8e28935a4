from pathlib import Path

import pytest
import torch

from pipelines import Target
from pipelines.meters import Candidate, Size
from pipelines.runtimes import Artifact


def measure(own: Path, reference: Path, tiny) -> dict[str, float]:
    ours, theirs = Artifact(own, "onnx"), Artifact(reference, "onnx")
    return dict(Size().measure(Candidate(ours, theirs, theirs, tiny, Target())).metrics)


def test_a_megabyte_is_a_million_bytes_on_the_disk(tmp_path: Path, tiny) -> None:
    own, reference = tmp_path / "own", tmp_path / "reference"
    own.write_bytes(bytes(250_000))
    reference.write_bytes(bytes(1_000_000))
    metrics = measure(own, reference, tiny)
    assert (metrics["size_mb"], metrics["size_ratio"]) == (0.25, 0.25)


def test_zeros_show_in_the_packed_size_only(tmp_path: Path, tiny) -> None:
    dense, sparse = tmp_path / "dense", tmp_path / "sparse"
    values = torch.randint(0, 256, (100_000,), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    dense.write_bytes(values.numpy().tobytes())
    values[10_000:] = 0
    sparse.write_bytes(values.numpy().tobytes())
    metrics = measure(sparse, dense, tiny)
    assert metrics["size_ratio"] == 1
    # Random bytes cannot be packed, and equal ones cost next to nothing: a tenth is left.
    assert metrics["size_zstd_mb"] == pytest.approx(0.01, rel=0.02)
    assert metrics["size_zstd_ratio"] == pytest.approx(0.1, rel=0.02)
