import numpy as np
import pytest

from pipelines.tasks.parts import divided


def test_what_the_data_names_stays_as_it_is() -> None:
    given = {"train": np.arange(6), "validation": np.arange(6, 8), "test": np.arange(8, 10)}
    parts, words = divided(given, [0] * 10)
    assert words == ""
    assert {split: list(parts[split]) for split in given} == {split: list(rows) for split, rows in given.items()}
    assert set(parts["calibration"]) <= set(given["train"])


@pytest.mark.parametrize("labels", [[0, 1] * 50, list(range(100))], ids=["classes", "numbers"])
def test_missing_parts_are_drawn_from_train_the_same_each_time(labels) -> None:
    parts, words = divided({"train": np.arange(100)}, labels)
    again, _ = divided({"train": np.arange(100)}, labels)
    assert all(np.array_equal(parts[split], again[split]) for split in parts)
    whole = [row for split in ("train", "validation", "test") for row in parts[split]]
    assert sorted(whole) == list(range(100))
    assert words.startswith("the data names no part for this, so that of 100 rows are drawn, with a fixed seed: ")
    assert f"{len(parts['test'])} for test, {len(parts['validation'])} for validation" in words


def test_each_label_has_the_same_share_in_every_part() -> None:
    labels = [0] * 80 + [1] * 20
    parts, _ = divided({"train": np.arange(100)}, labels)
    assert [sum(row >= 80 for row in parts[split]) for split in ("validation", "test")] == [3, 3]
