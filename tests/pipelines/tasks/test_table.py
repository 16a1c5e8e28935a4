import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from pipelines.tasks.table import read_table

ROWS = pd.DataFrame({"text": ["a", "b", "c"], "label": [0, 1, 0]})
WRITERS = {
    ".csv": lambda path: ROWS.to_csv(path, index=False),
    ".tsv": lambda path: ROWS.to_csv(path, index=False, sep="\t"),
    ".jsonl": lambda path: ROWS.to_json(path, orient="records", lines=True),
    ".parquet": ROWS.to_parquet,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_is_read_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    WRITERS[suffix](tmp_path / f"data{suffix}")
    table = read_table(str(tmp_path / f"data{suffix}"))
    assert (table.column("text"), table.column("label")) == (["a", "b", "c"], [0, 1, 0])
    assert {split: list(rows) for split, rows in table.parts.items()} == {"train": [0, 1, 2]}


def test_a_folder_has_a_file_for_each_part_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("train", "dev", "test", "notes"):
        ROWS.to_csv(tmp_path / f"{name}.csv", index=False)
    parts = read_table(str(tmp_path)).parts
    assert {split: len(rows) for split, rows in parts.items()} == {"train": 3, "validation": 3, "test": 3}
    assert parts["train"].tolist() == [6, 7, 8]


def test_a_column_may_say_the_part(tmp_path: Path) -> None:
    ROWS.assign(split=["train", "val", "test"]).to_csv(tmp_path / "data.csv", index=False)
    parts = read_table(str(tmp_path / "data.csv")).parts
    assert {split: list(rows) for split, rows in parts.items()} == {"train": [0], "validation": [1], "test": [2]}


def test_the_fingerprint_follows_the_data(tmp_path: Path) -> None:
    def read(rows: pd.DataFrame) -> str:
        rows.to_csv(tmp_path / "data.csv", index=False)
        return read_table(str(tmp_path / "data.csv")).fingerprint

    first = read(ROWS)
    assert read(ROWS.assign(label=[1, 1, 0])) != first
    assert read(ROWS) == first


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.xlsx").touch()
    with pytest.raises(ValueError, match=r"data\.xlsx is of no kind that is read here: .* legal: \.csv"):
        read_table(str(tmp_path / "data.xlsx"))
    with pytest.raises(ValueError, match=r"has no file for a part of the data, such as train\.csv"):
        read_table(str(tmp_path))
    ROWS.assign(split="trian").to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(ValueError, match=r"column split has values that are no part: .*trian"):
        read_table(str(tmp_path / "data.csv"))
    ROWS.to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(ValueError, match=r"no such column: .*lable.*did you mean 'label'"):
        read_table(str(tmp_path / "data.csv")).column("lable")


@pytest.mark.skipif(importlib.util.find_spec("datasets") is not None, reason="datasets is installed")
def test_a_name_needs_the_package_that_loads_it() -> None:
    with pytest.raises(ValueError, match=r"'imdb' is no file or folder here.*pip install datasets"):
        read_table("imdb")
