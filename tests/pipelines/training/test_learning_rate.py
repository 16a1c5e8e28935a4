import pytest

from pipelines.training.learning_rate import RATES

COSINE, WSD = RATES["cosine"], RATES["wsd"]


def test_a_cosine_begins_at_the_peak_and_is_at_half_of_it_in_the_middle() -> None:
    assert [round(COSINE.share(epoch, 4), 3) for epoch in range(4)] == [1, 0.854, 0.5, 0.146]
    assert COSINE.common(100) == 0


@pytest.mark.parametrize(("epochs", "steady"), [(0, 0), (1, 0), (4, 3), (5, 4), (6, 4), (10, 8), (100, 80)])
def test_a_steady_rate_falls_in_the_last_fifth_only(epochs: int, steady: int) -> None:
    shares = [WSD.share(epoch, epochs) for epoch in range(epochs)]
    assert WSD.common(epochs) == steady == shares.count(1)
    assert shares == sorted(shares, reverse=True)
    assert all(0 < share <= 1 for share in shares)


def test_it_falls_by_one_less_a_square_root() -> None:
    assert [WSD.share(epoch, 15) for epoch in (11, 12, 13, 14)] == pytest.approx([1, 0.5, 1 - 0.5**0.5, 1 - 0.75**0.5])
