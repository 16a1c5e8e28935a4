"""The task hf-image with a small random model from a folder."""

import json

import numpy as np
import pytest
from PIL import Image

from pipelines.preflight import preflight
from pipelines.stages import STEPS
from pipelines.tasks.files import task_files
from pipelines.tasks.task import load_task, make_student, make_teacher
from spaces import SearchSpace

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")


@pytest.fixture(scope="module")
def args(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("vit")
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, image_size=16, patch_size=8
    )
    transformers.ViTForImageClassification(config).save_pretrained(folder)
    said = {"size": {"height": 16, "width": 16}, "image_mean": [0.1] * 3, "image_std": [0.2] * 3, "resample": 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(said), encoding="utf-8")
    images, chance = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for index, name in enumerate(("dark", "grey", "light")):
        (images / name).mkdir()
        for number in range(8):
            pixels = chance.integers(80 * index, 80 * index + 80, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(images / name / f"{number}.png")
    return {"model": str(folder), "data": str(images)}


def test_it_is_valid_as_it_comes_with_derived_students(args) -> None:
    task = load_task("hf-image", args)
    space = SearchSpace.parse({"student": {"depth": ["none", 2], "init": ["random", "teacher"]}}, STEPS)
    assert preflight(task, space).problems == []
    assert set(task_files(task)) == {"preprocessing.json", "reader.py", "answer.py"}


def test_images_are_prepared_as_the_model_s_preprocessor_says(args) -> None:
    task = load_task("hf-image", args)
    assert list(task.example_input()) == ["pixel_values"]
    said = json.loads(task.files()["preprocessing.json"])
    assert (said["size"], said["mean"], said["resampling"]) == ([16, 16], [0.1] * 3, "BICUBIC")
    assert said["labels"] == ["dark", "grey", "light"]


def test_it_has_a_head_for_the_classes_of_the_data_and_narrower_students(args) -> None:
    task = load_task("hf-image", args)
    assert make_teacher(task).classifier.out_features == 3
    student = make_student(task, 2, 0.5)
    assert (student.classifier.in_features, student.classifier.out_features) == (16, 3)
