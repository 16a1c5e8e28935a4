import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.formats import TorchExportFormat
from pipelines.runtimes import Artifact, Target, TorchProgram, TorchRuntime

EXAMPLE = (torch.zeros(1, 1, 8, 8),)


@pytest.fixture
def program(fresh_cnn) -> TorchProgram:
    return TorchProgram(torch.export.export(fresh_cnn(), EXAMPLE))


@pytest.mark.parametrize("tf32", [True, False])
def test_it_is_read_as_it_was_written(program: TorchProgram, tmp_path: Path, tf32: bool) -> None:
    TorchProgram(program.program, tf32).write(tmp_path / "model.pt2")
    read = TorchProgram.read(tmp_path / "model.pt2")
    assert read.tf32 is tf32
    images = torch.rand(1, 1, 8, 8)
    assert torch.equal(read.program.module()(images), program.program.module()(images))


def test_the_file_says_nothing_of_the_code_that_it_was_made_from(program: TorchProgram, tmp_path: Path) -> None:
    program.write(tmp_path / "model.pt2")
    with zipfile.ZipFile(tmp_path / "model.pt2") as archive:
        texts = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".json")]
    assert not any("site-packages" in text or "torch/nn" in text for text in texts)


@pytest.mark.parametrize("pickled", ["example inputs", "weights"])
def test_pickled_objects_are_refused(tmp_path: Path, pickled: str) -> None:
    file = tmp_path / "model.pt2"
    if pickled == "example inputs":
        torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), file)
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("model/data/weights/model_weights_config.json", '{"config": {"w": {"use_pickle": true}}}')
    with pytest.raises(TrialFailed, match=r"PyTorch cannot load the file: it holds pickled objects \(.*\), which run"):
        TorchRuntime().load(Artifact(file, TorchExportFormat.name), Target("torch"))
