import io

from pipelines.file_hash import sha256, sha256_of

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""The example of FIPS 180-4."""


def test_a_file_and_a_stream_have_the_published_hash(tmp_path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == sha256_of(io.BytesIO(b"abc")) == ABC
