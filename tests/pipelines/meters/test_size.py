from pathlib import Path

from pipelines import Target
from pipelines.meters import Size, Subject
from pipelines.runtimes import OnnxRuntime


def test_a_megabyte_is_a_million_bytes_on_the_disk(tmp_path: Path, tiny) -> None:
    own, reference = tmp_path / "own", tmp_path / "reference"
    own.write_bytes(bytes(250_000))
    reference.write_bytes(bytes(1_000_000))
    subject = Subject(own, reference, tiny, Target(), OnnxRuntime())
    assert Size().measure(subject) == {"size_mb": 0.25, "size_ratio": 0.25}
