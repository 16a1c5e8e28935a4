from pathlib import Path

from search.cli.options import folder_problems


def test_every_option_whose_folder_does_not_exist_is_told(tmp_path) -> None:
    lost = tmp_path / "lost"
    assert [str(problem) for problem in folder_problems(csv=lost / "a.csv", plot=lost / "a.png")] == [
        f"--csv: folder {lost} does not exist",
        f"--plot: folder {lost} does not exist",
    ]
    assert folder_problems(csv=tmp_path / "a.csv", plot=Path("a.png")) == []
    assert folder_problems() == []
