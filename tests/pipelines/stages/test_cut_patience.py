from pathlib import Path

from torch import nn

from pipelines.stages.cut_patience import CutPatience


def test_a_later_cut_may_make_good_what_an_earlier_one_has_missed(tmp_path: Path) -> None:
    patience = CutPatience(2, 0.9, tmp_path)
    looked = [patience.look(nn.Linear(2, 2), [{"network": "teacher"}], each) for each in (0.95, 0.8, 0.9, 0.8, 0.7)]
    assert looked == [False, False, False, False, True]
    assert patience.kept == 3
    assert (tmp_path / "weights.safetensors").exists()
    assert patience.note(6) == "3 of 6 cuts were made: no further one kept accuracy >= 0.9"


def test_nothing_is_kept_of_cuts_that_all_fall_below(tmp_path: Path) -> None:
    patience = CutPatience(1, 0.9, tmp_path)
    assert patience.look(nn.Linear(2, 2), [], 0.8)
    assert patience.kept == 0
    assert not list(tmp_path.iterdir())
