import csv

from pipelines.sensitivity_table import Sensitivity
from search.reports.sensitivity_report import write_files


def test_the_same_is_in_every_file(analysed, tmp_path) -> None:
    write_files("title", analysed, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "sensitivity.csv",
        "sensitivity.json",
        "sensitivity.png",
    ]
    assert Sensitivity.read(tmp_path) == analysed
    rows = list(csv.DictReader((tmp_path / "sensitivity.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["layer"], row["ratio"], row["drop"]) for row in rows[:2]] == [
        ("stem", "0.25", "0.05"),
        ("stem", "0.5", "0.45"),
    ]
    assert (rows[3]["accuracy"], rows[3]["note"]) == ("", "TypeError: [half] is too much")
