from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pipelines.meters import Candidate
from pipelines.meters.agreement import EXAMPLES, agreement
from pipelines.runtimes import Artifact, Target

INPUTS = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))


def file(folder: Path, weight: list[list[float]]) -> Artifact:
    layer = nn.Linear(2, len(weight), bias=False)
    layer.weight.data = torch.tensor(weight)
    path = folder / f"{len(list(folder.iterdir()))}.onnx"
    axes = {"input": {0: "batch"}, "output": {0: "batch"}}
    names = {"input_names": ["input"], "output_names": ["output"]}
    torch.onnx.export(layer, (INPUTS[:1],), str(path), dynamo=False, dynamic_axes=axes, **names)
    return Artifact(path, "onnx")


def candidate(own: Artifact, parent: Artifact) -> Candidate:
    task = SimpleNamespace(batches=lambda split: [(x, None) for x in INPUTS.split(40)])
    return Candidate(own, parent, parent, task, Target())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("weight", "noise", "same"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], 0.0, 1.0),
        ([[1.5, 0.0], [0.0, 1.5]], 0.25, 1.0),
        ([[-1.0, 0.0], [0.0, -1.0]], 4.0, 0.0),
    ],
    ids=["the same", "half as large again", "negated"],
)
def test_noise_is_a_share_of_the_outputs_power(tmp_path: Path, weight, noise: float, same: float) -> None:
    found = agreement(candidate(file(tmp_path, weight), file(tmp_path, [[1.0, 0.0], [0.0, 1.0]])))
    assert found.noise == pytest.approx(noise, abs=1e-6)
    assert (found.same, found.examples) == (same, EXAMPLES)


def test_of_one_number_none_is_the_largest(tmp_path: Path) -> None:
    one = file(tmp_path, [[1.0, 1.0]])
    assert agreement(candidate(one, one)).same is None
