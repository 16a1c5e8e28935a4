import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from pipelines.tasks.images import Images, Preparation

PREPARATION = Preparation((16, 16), 20, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
COLOURS = ("blue", "red")


def image_of(colour: str, seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 60, (24, 32, 3), dtype=np.uint8)
    pixels[..., 0 if colour == "red" else 2] += 150
    return Image.fromarray(pixels)


def folder_of(root: Path, count: int = 10) -> Path:
    for colour in COLOURS:
        root.joinpath(colour).mkdir(parents=True)
        for index in range(count):
            image_of(colour, index).save(root / colour / f"{index}.png")
    return root


def images_of(source: Path, **changes) -> Images:
    return Images(
        **{"source": str(source), "preparation": PREPARATION, "batch_size": 4, "image": "image", "label": "label",
           "augment": False, **changes}
    )  # fmt: skip


def test_a_folder_of_folders_has_a_class_for_each(tmp_path: Path) -> None:
    found = images_of(folder_of(tmp_path / "images"))
    inputs, targets = next(iter(found.batches("validation")))
    assert found.labels.names == COLOURS
    assert inputs.shape[1:] == found.example().shape[1:] == (3, 16, 16)
    assert (inputs[:, 0] > inputs[:, 2]).float().mean((1, 2)).round().long().equal(targets)
    assert found.drawn.endswith("4 for test, 4 for validation")


def test_folders_may_be_named_by_their_part(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        folder_of(tmp_path / part, 2)
    found = images_of(tmp_path)
    assert (found.labels.names, found.drawn) == (COLOURS, "")
    assert [len(found.rows[split]) for split in ("train", "validation", "test")] == [4, 4, 4]


def test_a_table_may_hold_encoded_images(tmp_path: Path) -> None:
    rows = []
    for index in range(12):
        file = io.BytesIO()
        image_of(COLOURS[index % 2], index).save(file, "png")
        rows.append({"jpeg": file.getvalue(), "label": index % 2})
    pd.DataFrame(rows).to_parquet(tmp_path / "data.parquet")
    found = images_of(tmp_path / "data.parquet", image="jpeg")
    assert found.labels.names == ("0", "1")
    assert sum(len(targets) for _, targets in found.batches("train")) == len(found.rows["train"])


def test_training_images_are_moved_and_others_are_not(tmp_path: Path) -> None:
    found = images_of(folder_of(tmp_path / "images"), augment=True, batch_size=64)
    first, second = (next(iter(found.batches("validation")))[0] for _ in range(2))
    assert first.equal(second)
    torch.manual_seed(0)
    trained = {float(next(iter(found.batches("train")))[0].std()) for _ in range(4)}
    assert len(trained) > 1


@pytest.mark.parametrize("colour", COLOURS)
def test_the_reader_beside_a_model_prepares_an_image_as_the_task_does(tmp_path: Path, colour: str) -> None:
    found = images_of(folder_of(tmp_path / "images"))
    for name, content in found.files("input").items():
        text = content.read_text(encoding="utf-8") if isinstance(content, Path) else content
        (tmp_path / name).write_text(text, encoding="utf-8")
    image = tmp_path / "images" / colour / "0.png"
    code = "import reader, numpy; numpy.save('fed.npy', reader.feed()['input']); reader.show(numpy.array([[0.0, 9.0]]))"
    command = [sys.executable, "-c", code, str(image)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["red", "1.000"]
    pixels = torch.from_numpy(PREPARATION.pixels(image)[None])
    assert np.allclose(np.load(tmp_path / "fed.npy"), PREPARATION.normalized(pixels).numpy(), atol=1e-6)
    assert json.loads((tmp_path / "preprocessing.json").read_text())["labels"] == list(COLOURS)
