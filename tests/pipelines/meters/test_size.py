from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipelines import Store, Target
from pipelines.bench.packed_size import packed_size
from pipelines.lease import Lease
from pipelines.meters import Candidate, Measurement, Size
from pipelines.runtimes import Artifact

PACKED = ("size_zstd_mb", "size_zstd_ratio")


@pytest.fixture
def measure(tmp_path: Path, tiny) -> Callable[..., Measurement]:
    def of(own: Path, reference: Path, asked: tuple[str, ...] = PACKED, lease: Lease | None = None) -> Measurement:
        ours, theirs = Artifact(own, "onnx"), Artifact(reference, "onnx")
        lease, store = lease or Lease(folder=tmp_path / "leases"), Store(tmp_path / "store")
        return Size().measure(Candidate(ours, theirs, theirs, tiny, Target(), store, frozenset(asked), lease))

    return of


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are packed, in order."""
    names: list[str] = []

    def noting(file: Path) -> int:
        names.append(file.name)
        return packed_size(file)

    monkeypatch.setattr("pipelines.meters.size.packed_size", noting)
    return names


def write(folder: Path, **contents: bytes) -> list[Path]:
    files = []
    for name, content in contents.items():
        files.append(folder / name)
        files[-1].write_bytes(content)
    return files


def test_a_megabyte_is_a_million_bytes_on_the_disk(tmp_path: Path, measure) -> None:
    own, reference = write(tmp_path, own=bytes(250_000), reference=bytes(1_000_000))
    metrics = measure(own, reference).metrics
    assert (metrics["size_mb"], metrics["size_ratio"]) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("asked", "files"),
    [((), []), (PACKED[:1], ["own"]), (PACKED[1:], ["own", "reference"]), (PACKED, ["own", "reference"])],
    ids=["nothing", "own size", "ratio", "both"],
)
def test_a_file_is_packed_only_where_that_is_asked_for(tmp_path: Path, measure, packed, asked, files) -> None:
    found = measure(*write(tmp_path, own=b"o", reference=b"rr"), asked=asked)
    assert packed == files
    assert set(found.metrics) == {"size_mb", "size_ratio", *asked}
    reason = "not asked for; it is measured where an objective or a constraint names it"
    assert found.notes == {name: reason for name in PACKED if name not in asked}


def test_files_with_the_same_bytes_are_packed_once_also_by_another_process(tmp_path: Path, measure, packed) -> None:
    own, again, reference = write(tmp_path, own=b"o" * 99, again=b"o" * 99, reference=b"rr")
    first, second = measure(own, reference), measure(again, reference)  # each with a store of its own on the folder
    assert packed == ["own", "reference"]
    assert {name: second.metrics[name] for name in PACKED} == {name: first.metrics[name] for name in PACKED}


def test_while_it_waits_for_another_who_packs_the_file_it_holds_no_share_of_the_device(tmp_path: Path, measure) -> None:
    class Watched(Lease):
        def shared(self):
            assert (tmp_path / "store" / "locks").exists(), "the right to pack comes first"
            return super().shared()

    assert measure(*write(tmp_path, own=b"o", reference=b"rr"), lease=Watched(folder=tmp_path / "l")).metrics[PACKED[0]]


def test_zeros_show_in_the_packed_size_only(tmp_path: Path, measure) -> None:
    dense, sparse = tmp_path / "dense", tmp_path / "sparse"
    values = torch.randint(0, 256, (100_000,), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    dense.write_bytes(values.numpy().tobytes())
    values[10_000:] = 0
    sparse.write_bytes(values.numpy().tobytes())
    metrics = measure(sparse, dense).metrics
    assert metrics["size_ratio"] == 1
    # Random bytes cannot be packed, and equal ones cost next to nothing: a tenth is left.
    assert metrics["size_zstd_mb"] == pytest.approx(0.01, rel=0.02)
    assert metrics["size_zstd_ratio"] == pytest.approx(0.1, rel=0.02)
