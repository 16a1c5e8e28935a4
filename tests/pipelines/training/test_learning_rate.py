import pytest

from pipelines.training.learning_rate import RATES, rate_share

COSINE, WSD = RATES["cosine"], RATES["wsd"]


def shares(name: str, epochs: int, steps: int, warmup: float = 0) -> list[float]:
    return [rate_share(RATES[name], step, steps, epochs, warmup) for step in range(epochs * steps)]


def test_a_cosine_begins_at_the_peak_and_is_at_half_of_it_in_the_middle() -> None:
    assert [round(COSINE.share(epoch, 4), 3) for epoch in range(5)] == [1, 0.854, 0.5, 0.146, 0]
    assert COSINE.common(100) == 0


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("epochs", [1, 5])
def test_it_falls_to_zero_step_by_step_even_within_one_epoch(name: str, epochs: int) -> None:
    found = shares(name, epochs, 100)
    assert found[0] == 1
    assert found == sorted(found, reverse=True)
    assert 0 < found[-1] < 0.11
    assert RATES[name].share(epochs, epochs) == pytest.approx(0)


@pytest.mark.parametrize("name", RATES)
def test_it_rises_along_a_line_in_the_warm_up(name: str) -> None:
    with_warm_up, without = shares(name, 10, 8, warmup=1.5), shares(name, 10, 8)
    assert [ours / theirs for ours, theirs in zip(with_warm_up, without, strict=True)][:12] == pytest.approx(
        [step / 12 for step in range(1, 13)]
    )
    assert with_warm_up[12:] == without[12:]


@pytest.mark.parametrize(("epochs", "steady"), [(1, 0), (4, 3), (5, 4), (6, 4), (10, 8), (100, 80)])
def test_a_steady_rate_falls_in_the_last_fifth_only(epochs: int, steady: int) -> None:
    assert WSD.common(epochs) == steady
    found = shares("wsd", epochs, 4)
    assert found.count(1) == 4 * steady + 1, "the first step of the decay still has the whole rate"


def test_it_falls_by_one_less_a_square_root() -> None:
    assert [WSD.share(done, 15) for done in (12, 12.75, 13.5, 15)] == pytest.approx([1, 0.5, 1 - 0.5**0.5, 0])


def test_batches_that_were_not_counted_keep_the_last_rate() -> None:
    assert rate_share(COSINE, 7, 4, 1, 0) == rate_share(COSINE, 3, 4, 1, 0) > 0
