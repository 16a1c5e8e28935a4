import pytest

from spaces import counted, noun


@pytest.mark.parametrize(
    ("count", "what", "told"),
    [
        (1, "trial", "1 trial"),
        (0, "trial", "0 trials"),
        (2000, "distinct recipe", "2,000 distinct recipes"),
        (2, "entry", "2 entries"),
        (2, "day", "2 days"),
        (2, "other process", "2 other processes"),
        (2, "batch", "2 batches"),
        (2, "epoch", "2 epochs"),
    ],
)
def test_a_count_stands_with_its_noun(count, what, told) -> None:
    assert counted(count, what) == told


def test_a_share_of_one_is_a_plural() -> None:
    assert noun(0.5, "cpu-hour") == "cpu-hours"
