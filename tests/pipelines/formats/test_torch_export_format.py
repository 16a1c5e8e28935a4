import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.formats import TorchExportFormat
from pipelines.runtimes import Artifact, Target, TorchProgram, TorchRuntime, to_feed


class ForOneBatch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(2, -1)


def test_the_same_network_is_the_same_file(fresh_cnn, tmp_path: Path) -> None:
    network, contents = fresh_cnn(), []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        file, packed = tmp_path / name / "model.pt2", tmp_path / name / "packed.pt2"
        TorchExportFormat().export(network, (torch.zeros(1, 1, 8, 8),), file)
        TorchExportFormat().pack(file, packed)
        contents.append(packed.read_bytes())
    assert contents[0] == contents[1]


def test_packing_compresses_texts_and_no_weights(fresh_cnn, tmp_path: Path) -> None:
    file, packed = tmp_path / "model.pt2", tmp_path / "packed.pt2"
    TorchExportFormat().export(fresh_cnn(), (torch.zeros(1, 1, 8, 8),), file)
    TorchProgram(TorchProgram.read(file).program, tf32=True).write(tmp_path / "tf32.pt2")
    TorchExportFormat().pack(tmp_path / "tf32.pt2", packed)
    with zipfile.ZipFile(packed) as archive:
        compressed = {record.filename for record in archive.infolist() if record.compress_type != zipfile.ZIP_STORED}
    assert compressed
    assert all(name.endswith(".json") for name in compressed)
    assert TorchProgram.read(packed).tf32


def test_a_network_for_one_batch_only_fails_the_trial(tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match=r"the network cannot be exported to torch\.export: "):
        TorchExportFormat().export(ForOneBatch(), (torch.zeros(1, 4),), tmp_path / "model.pt2")


def test_torchs_fused_attention_is_left_out_and_comes_back(tmp_path: Path) -> None:
    layer = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)).eval()
    tokens, file = torch.randn(3, 5, 8), tmp_path / "model.pt2"
    TorchExportFormat().export(layer, (tokens[:1],), file)
    operators = {str(node.target) for node in TorchProgram.read(file).program.graph.nodes}
    assert not any("transformer_encoder_layer" in name for name in operators)
    found = TorchRuntime().load(Artifact(file, "torch-export"), Target("torch")).run(to_feed(tokens))
    torch.testing.assert_close(torch.from_numpy(found), layer(tokens).detach())
    assert torch.backends.mha.get_fastpath_enabled()
