from pathlib import Path

import numpy as np

from pipelines.formats import artifact_in
from pipelines.formats.onnx_format import MODEL
from pipelines.runtimes import OnnxRuntime, Target
from pipelines.stages import Pack
from pipelines.training.context import Context


def test_a_file_gets_smaller_and_computes_the_same(exported, context: Context, tmp_path: Path) -> None:
    Pack().run(exported.file.parent, tmp_path, {}, context)
    packed = artifact_in(tmp_path, "onnx")
    assert packed.path.stat().st_size < exported.file.stat().st_size
    images = np.random.default_rng(0).random((3, 1, 8, 8), dtype=np.float32)
    before, after = (OnnxRuntime().load(each, Target()).run({"input": images}) for each in (exported.artifact, packed))
    assert np.array_equal(before, after)
    assert [path.name for path in tmp_path.iterdir()] == [MODEL]
