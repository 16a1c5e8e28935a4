"""The task of docs/examples/cifar10.py and the sweep over it, on a few images of noise."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from docs.examples.cifar10 import Cifar10
from pipelines.tasks.task import load_task
from search.config.sweep_config import load_config

ROOT = Path(__file__).parents[2]
COUNT = {"train": 40, "test": 10}


def images(split: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(COUNT[split])
    return random.integers(0, 256, (COUNT[split], 32, 32, 3), np.uint8), np.arange(COUNT[split]) % 10


def png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "png")
    return content.getvalue()


@pytest.fixture
def arrays(tmp_path: Path) -> str:
    found = {split: images(split) for split in COUNT}
    parts = {f"{axis}_{split}": found[split][index] for split in COUNT for index, axis in enumerate("xy")}
    np.savez(tmp_path / "data.npz", **parts)
    return str(tmp_path / "data.npz")


@pytest.fixture(params=["img", "jpeg"])
def tables(request, tmp_path: Path) -> str:
    """As Hugging Face has it, and with a column of bytes."""
    (tmp_path / "plain_text").mkdir()
    for split in COUNT:
        pixels, labels = images(split)
        encoded = [png(image) for image in pixels]
        column = [{"bytes": one, "path": None} for one in encoded] if request.param == "img" else encoded
        frame = pd.DataFrame({request.param: column, "label": labels})
        frame.to_parquet(tmp_path / f"plain_text/{split}-00000-of-00001.parquet")
    return str(tmp_path)


def test_tables_and_arrays_hold_the_same(arrays: str, tables: str) -> None:
    first, second = Cifar10(arrays), Cifar10(tables)
    assert first.fingerprint() == second.fingerprint()
    assert {split: len(y) for split, (_, y) in first.data.items()} == {
        "train": 36, "calibration": 36, "validation": 4, "test": 10,
    }  # fmt: skip


def test_the_teacher_is_a_resnet_18_and_students_are_smaller(arrays: str) -> None:
    task = load_task("docs.examples.cifar10:Cifar10", {"data": arrays, "batch_size": 8})
    assert sum(parameter.numel() for parameter in task.teacher().parameters()) == 11_173_962
    inputs, labels = next(iter(task.batches("train")))
    assert (inputs.shape, labels.shape) == ((8, 3, 32, 32), (8,))
    assert inputs.abs().max() <= 1
    assert task.student(1, 0.125)(inputs).shape == (8, 10)


def test_nothing_but_a_shift_and_a_mirror_changes_an_image(arrays: str) -> None:
    task = Cifar10(arrays)
    torch.manual_seed(0)
    x, y = task.tensors("train")
    changed, _ = task.augment(x, y)
    for before, after in zip(x[:4], changed[:4], strict=True):
        values = ((after + 1) * 127.5).round().int().unique()
        assert set(values.tolist()) <= {0, *before.unique().tolist()}


def test_data_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is neither a file .*nothing nor train\*\.parquet in such a folder"):
        Cifar10(str(tmp_path / "nothing"))


def test_the_sweep_is_legal() -> None:
    config = load_config(ROOT / "configs/cifar10-resnet.yaml", ["task.args.data=elsewhere/"])
    assert config.task.args == {"data": "elsewhere/"}
    assert config.space.size() > 1_000
