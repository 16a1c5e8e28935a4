import numpy as np
import pytest

from pipelines.quantizers.palette import Palette, Palettes


def test_two_heaps_become_their_means() -> None:
    weight = np.array([[-1.1, -0.9], [2.0, 2.2]], dtype=np.float32)
    palette = Palette.of(weight, 2)
    np.testing.assert_allclose(palette.codebook, [-1.0, 2.1], rtol=1e-6)
    assert palette.codes.tolist() == [[0, 0], [1, 1]]
    assert not palette.zero


def test_zeros_have_a_colour_of_their_own_and_it_is_the_first() -> None:
    weight = np.array([0.0, 0.9, 1.1, -3.0, 0.0, 3.0, 0.1], dtype=np.float32)
    palette = Palette.of(weight, 4)
    assert palette.zero
    np.testing.assert_allclose(palette.codebook, [0, -3, 0.7, 3], rtol=1e-6)
    assert palette.codes.tolist() == [0, 2, 2, 1, 0, 3, 0]  # 0.1 is nearer to zero than to its own heap's mean


def test_few_values_are_kept_as_they_are() -> None:
    weight = np.array([[0.5, 0.25, 0.5, 0.0]], dtype=np.float32)
    palette = Palette.of(weight, 16)
    assert palette.codebook.tolist() == [0, 0.25, 0.5]
    np.testing.assert_array_equal(palette.codebook[palette.codes], weight)


@pytest.mark.parametrize("value", [0.0, 1.5])
def test_a_constant_weight_has_one_colour(value: float) -> None:
    palette = Palette.of(np.full((3, 2), value, dtype=np.float32), 16)
    assert palette.codebook.tolist() == [value]
    assert palette.codes.tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("bits", [4, 5, 8])
def test_more_bits_come_closer_and_each_value_has_the_nearest_colour(bits: int) -> None:
    weight = np.random.default_rng(0).normal(size=(60, 70)).astype(np.float32)
    weight[:, ::3] = 0
    palette = Palette.of(weight, 2**bits)
    assert len(palette.codebook) == 2**bits
    chosen = palette.codebook[palette.codes]
    nearest = np.abs(weight[..., None] - palette.codebook).min(axis=2)
    np.testing.assert_allclose(np.abs(weight - chosen), nearest, atol=1e-6)
    spread = np.square(weight - chosen).mean() / np.square(weight).mean()
    assert spread < 4.0 ** -(bits - 1)  # a bit more is a quarter of the noise


def test_large_weights_are_sampled_and_small_runs_agree() -> None:
    weight = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    one, two = Palette.of(weight, 16), Palette.of(weight, 16)
    np.testing.assert_array_equal(one.codebook, two.codebook)
    assert np.square(weight - one.codebook[one.codes]).mean() < 0.0117  # 0.0115 is the best that 16 values can do


@pytest.mark.parametrize(("groups", "rows"), [(1, 7), (2, 4), (3, 3), (100, 1)])
def test_groups_of_channels_have_palettes_of_their_own(groups: int, rows: int) -> None:
    weight = np.random.default_rng(0).normal(size=(7, 5, 3)).astype(np.float32)
    weight *= np.logspace(0, -3, 7, dtype=np.float32)[:, None, None]
    found = Palettes.of(weight, 4, groups)
    assert (found.rows, found.codebooks.shape, found.zero) == (rows, (-(-7 // rows), 4), False)
    for start, codebook in zip(range(0, 7, rows), found.codebooks, strict=True):
        alone = Palette.of(weight[start : start + rows], 4)
        np.testing.assert_array_equal(codebook[found.codes[start : start + rows]], alone.codebook[alone.codes])


def test_a_zero_in_one_group_makes_a_colour_of_it_in_all() -> None:
    weight = np.array([[1, 0, 3, 4, 5], [1, 2, 3, 4, 5], [0, 0, 0, 0, 0]], dtype=np.float32)
    found = Palettes.of(weight, 4, 3)
    assert found.zero
    assert not found.codebooks[:, 0].any()
    assert (found.codes == 0).tolist() == (weight == 0).tolist()
