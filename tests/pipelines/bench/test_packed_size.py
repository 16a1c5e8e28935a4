from pathlib import Path

import zstandard

from pipelines.bench.packed_size import packed_size


def test_it_is_what_travels_and_unpacks_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(bytes(range(256)) * 400)
    assert packed_size(file) < 1_000
    packed = zstandard.ZstdCompressor(level=19).compress(file.read_bytes())
    assert packed_size(file) == len(packed)
    assert zstandard.ZstdDecompressor().decompress(packed) == file.read_bytes()
