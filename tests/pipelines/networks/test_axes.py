import pytest

from pipelines.networks.axes import Axis, Mismatch, basic, coordinates, fix, fresh, joined, outermost, part, unify


def test_a_product_is_refined_wherever_it_occurs() -> None:
    whole = fresh(12)
    heads, width = outermost(whole, 3)
    assert [axis.size for axis in basic(whole)] == [3, 4]
    assert coordinates(whole, heads[0].root) == [0] * 4 + [1] * 4 + [2] * 4
    assert coordinates(whole, width[0].root) == [0, 1, 2, 3] * 3


def test_what_is_unified_is_one_axis() -> None:
    one, other = fresh(12), (*fresh(3), *fresh(4))
    unify(one, other)
    assert basic(one) == basic(other)


def test_a_sum_keeps_its_terms_apart() -> None:
    a, b = fresh(2), fresh(3)
    both = joined([a, b])
    assert coordinates(both, b[0]) == [-1, -1, 0, 1, 2]
    assert part(both, 2, 5) == b
    assert coordinates((*both, *fresh(2)), a[0]) == [0, 0, 1, 1, -1, -1, -1, -1, -1, -1]


def test_sums_with_other_boundaries_are_refined_to_those_of_both() -> None:
    one, other = joined([fresh(2), fresh(4)]), joined([fresh(3), fresh(3)])
    unify(one, other)
    assert [axis.size for axis in basic(one)] == [2, 1, 3]
    assert basic(one) == basic(other)


def test_a_dimension_that_is_the_same_as_its_neighbour_is_one_entry_after_the_other() -> None:
    dim = fresh(6)
    unify(part(dim, 1, 6), part(dim, 0, 5))
    assert {axis.size for axis in basic(dim)} == {1}


def test_what_is_fixed_stays_so_in_its_parts() -> None:
    dim = fresh(6)
    fix(dim, "reason")
    outermost(dim, 2)
    assert [axis.fixed for axis in basic(dim)] == ["reason", "reason"]


def test_dimensions_that_do_not_fit_are_told() -> None:
    with pytest.raises(Mismatch):
        unify(fresh(6), (*fresh(4), Axis(2)))
    with pytest.raises(Mismatch):
        part((*fresh(3), *fresh(4)), 0, 6)
