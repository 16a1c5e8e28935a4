import json
from pathlib import Path

import numpy as np

from pipelines.formats.onnx_format import MODEL
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed
from pipelines.stages import QuantizationSensitivity
from pipelines.stages.quantization_sensitivity import SENSITIVITY
from pipelines.training.context import Context


def test_it_writes_the_ranking_and_hands_the_file_on(exported, context: Context, tmp_path: Path) -> None:
    params = {"scheme": "weight-int8"}
    QuantizationSensitivity().run(exported.file.parent, tmp_path, params, context)
    assert sorted(path.name for path in tmp_path.iterdir()) == [MODEL, SENSITIVITY]
    losses = json.loads((tmp_path / SENSITIVITY).read_text())
    assert set(losses) == {"/0/Conv", "/3/Conv", "/8/Gemm"}
    assert list(losses.values()) == sorted(losses.values(), reverse=True)
    (images, _), *_ = context.task.batches("validation")
    sessions = [OnnxRuntime().load(Artifact(file, "onnx"), Target()) for file in (exported.file, tmp_path / MODEL)]
    assert np.allclose(sessions[0].run(to_feed(images)), sessions[1].run(to_feed(images)), atol=1e-5)
