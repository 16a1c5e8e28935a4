from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.formats import OnnxFormat
from pipelines.formats.onnx_format import MODEL, OPSET
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed


class Inexportable(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.rfft(super().forward(x)).real.cumsum(1) @ torch.linalg.pinv(self.weight @ self.weight.T)


def test_the_file_is_whole_legal_and_of_one_opset(exported) -> None:
    model = onnx.load(exported.file)
    onnx.checker.check_model(model, full_check=True)
    assert [opset.version for opset in model.opset_import] == [OPSET]
    assert [path.name for path in exported.file.parent.glob("*.onnx*")] == [MODEL]


def test_the_batch_is_free_and_the_rest_is_not(exported) -> None:
    (given,) = onnx.load(exported.file).graph.input
    assert given.name == "input"
    assert [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim] == ["batch", 1, 8, 8]


def test_what_onnx_cannot_say_fails_the_trial(tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match="the network cannot be exported to ONNX: "):
        OnnxFormat().export(Inexportable(3, 3), (torch.zeros(1, 3),), tmp_path / MODEL)


@pytest.mark.parametrize("trainable", [True, False], ids=["trainable", "frozen"])
def test_torchs_fused_attention_is_left_out_and_comes_back(tmp_path: Path, trainable: bool) -> None:
    layer = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)).eval().requires_grad_(trainable)
    tokens, file = torch.randn(3, 5, 8), tmp_path / MODEL
    OnnxFormat().export(layer, (tokens[:1],), file)
    outputs = torch.from_numpy(OnnxRuntime().load(Artifact(file, "onnx"), Target()).run(to_feed(tokens)))
    torch.testing.assert_close(outputs, layer(tokens).detach())
    assert torch.backends.mha.get_fastpath_enabled()


def test_multiplications_that_cannot_be_counted_have_a_reason(exported, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(self: object) -> int:
        raise LookupError("the shape of x cannot be found out")

    monkeypatch.setattr("pipelines.onnxfile.graph.Graph.macs", unknown)
    found = OnnxFormat().complexity(exported.file, {"input": np.zeros((1, 1, 8, 8), np.float32)})
    assert set(found.metrics) == {"parameters"}
    assert found.notes == {"macs": "not available: the shape of x cannot be found out"}
