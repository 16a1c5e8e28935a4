"""Axes: what the dimensions of tensors consist of, so that it is known which of them are the same.

A dimension is a product of axes, the outermost first: that of a layer which gives queries, keys and values of all heads
may be 3 · heads · width. An axis may turn out to be such a product, or several dimensions behind each other (a sum, as
where tensors are concatenated); it is refined then, wherever it occurs. What must have the same entries is unified.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

PARTS = "they are parts of a layer's output"
"""Why an axis of queries, keys and values, of halves or of other parts is fixed."""

Dim = tuple["Axis", ...]
"""A product of axes, the outermost first; empty for a dimension of one entry."""


class Mismatch(Exception):  # noqa: N818 - it names what happened to two dimensions
    """Two dimensions cannot be brought into one form, or one not into the form asked for."""


class Axis:
    """One axis.

    Attributes:
        size: The number of its entries.
        factors: The product that it has turned out to be, or empty.
        terms: The dimensions behind each other that it has turned out to be, or empty.
        fixed: Why no entry of it can go; empty if nothing is known against it.
        roles: What is known of its use.
    """

    def __init__(self, size: int, fixed: str = "", roles: Iterable[str] = ()) -> None:
        self.size, self.fixed, self.roles = size, fixed, set(roles)
        self.factors: Dim = ()
        self.terms: tuple[Dim, ...] = ()
        self._same: Axis | None = None

    @property
    def root(self) -> Axis:
        """The one axis that stands for all that are unified with this one."""
        axis = self
        while axis._same is not None:
            axis = axis._same
        if axis is not self:
            self._same = axis
        return axis

    def __repr__(self) -> str:
        return f"Axis({self.size}, {self.fixed!r})"


def fresh(size: int, fixed: str = "", roles: Iterable[str] = ()) -> Dim:
    """A dimension of `size` entries of which nothing is known."""
    return (Axis(size, fixed, roles),) if size != 1 else ()


def size_of(dim: Iterable[Axis]) -> int:
    """The number of entries of `dim`."""
    return math.prod(axis.size for axis in dim)


def resolved(dim: Iterable[Axis]) -> list[Axis]:
    """The axes of `dim` as far as they are known, products multiplied out; sums are left as they are."""
    found: list[Axis] = []
    for axis in dim:
        root = axis.root
        found += resolved(root.factors) if root.factors else [root]
    return found


def basic(dim: Iterable[Axis]) -> list[Axis]:
    """The axes of `dim` that are no products or sums, each once."""
    found: dict[Axis, None] = {}
    for axis in resolved(dim):
        if axis.terms:
            found |= dict.fromkeys(one for term in axis.terms for one in basic(term))
        else:
            found[axis] = None
    return list(found)


def coordinates(dim: Iterable[Axis], of: Axis) -> list[int]:
    """For each entry of `dim` its index on the basic axis `of`, −1 where it has none."""
    result = [-1]
    for axis in resolved(dim):
        if axis is of:
            own = list(range(axis.size))
        elif axis.terms:
            own = [index for term in axis.terms for index in coordinates(term, of)]
        else:
            own = [-1] * axis.size
        result = [max(outer, inner) for outer in result for inner in own]
    return result


def fix(dim: Iterable[Axis], reason: str) -> None:
    """Note that no entry of `dim` can go."""
    for axis in resolved(dim):
        axis.fixed = axis.fixed or reason
        for term in axis.terms:
            fix(term, reason)


def mark(dim: Iterable[Axis], role: str) -> None:
    """Note a use of all axes of `dim`."""
    for axis in basic(dim):
        axis.roles.add(role)


def unify(one: Sequence[Axis], other: Sequence[Axis]) -> None:
    """Make two dimensions of one size the same.

    Raises:
        Mismatch: they cannot be; nothing of them can go then.
    """
    left, right = resolved(one), resolved(other)
    while left and right:
        a, b = left[0], right[0]
        if 1 in (a.size, b.size):  # what has one entry never loses it
            del (left if a.size == 1 else right)[0]
        elif a is b:
            del left[0], right[0]
        elif a.size == b.size:
            _merge(a, b)
            del left[0], right[0]
        elif a.size > b.size:
            left[:1] = factored(a, b.size)
        else:
            right[:1] = factored(b, a.size)
    if size_of(left) != 1 or size_of(right) != 1:
        raise Mismatch


def factored(axis: Axis, outer: int) -> list[Axis]:
    """Refine `axis` into a product whose outermost axes have `outer` entries together.

    Raises:
        Mismatch: it cannot be.
    """
    axis = axis.root
    if axis.size % outer:
        raise Mismatch
    inner = axis.size // outer
    if axis.factors or outer == 1 or inner == 1:
        return resolved([axis])
    terms = _flat_terms(axis)
    if not terms:
        axis.factors = (Axis(outer, axis.fixed, axis.roles), Axis(inner, axis.fixed, axis.roles))
    elif len(terms) == outer and all(size_of(term) == inner for term in terms):
        for term in terms[1:]:
            unify(terms[0], term)
        axis.factors = (Axis(outer, PARTS), *terms[0])
    elif all(size_of(term) % inner == 0 for term in terms):
        parts = [outermost(term, size_of(term) // inner) for term in terms]
        for _, rest in parts[1:]:
            unify(parts[0][1], rest)
        axis.factors = (joined([first for first, _ in parts])[0], *parts[0][1])
    else:
        raise Mismatch
    axis.terms = ()
    return resolved([axis])


def outermost(dim: Iterable[Axis], size: int) -> tuple[Dim, Dim]:
    """`dim` as a product of `size` entries and the rest.

    Raises:
        Mismatch: it cannot be.
    """
    found, rest, left = list[Axis](), resolved(dim), size
    while left > 1:
        axis = rest[0] if rest else Axis(1)
        if left % axis.size == 0 and axis.size > 1:
            found.append(rest.pop(0))
            left //= axis.size
        elif axis.size % left == 0 and axis.size > left:
            rest[:1] = factored(axis, left)
        else:
            raise Mismatch
    return tuple(found), tuple(rest)


def joined(dims: Sequence[Dim]) -> Dim:
    """The dimensions `dims` behind each other."""
    several = [dim or (Axis(1),) for dim in dims]
    if len(several) == 1:
        return several[0]
    axis = Axis(sum(map(size_of, several)))
    axis.terms = tuple(several)
    return (axis,)


def part(dim: Dim, start: int, stop: int) -> Dim:
    """The entries of `dim` from `start` to before `stop`.

    Raises:
        Mismatch: they are no part that can be told from the rest.
    """
    if (start, stop) == (0, size_of(dim)):
        return dim
    first, *rest = resolved(dim)
    inner = size_of(rest)
    if start % inner or stop % inner:
        raise Mismatch
    start, stop = start // inner, stop // inner
    _cut(first, start)
    _cut(first, stop)
    found, place = list[Dim](), 0
    for term in _flat_terms(first) or ((first,),):
        if start <= place < stop:
            found.append(term)
        place += size_of(term)
    if sum(map(size_of, found)) != stop - start:
        raise Mismatch
    outer = joined(found)
    return (*(axis for axis in outer if axis.size > 1), *rest)


def _cut(axis: Axis, place: int) -> None:
    """Refine `axis` into a sum with a boundary at `place`."""
    axis = axis.root
    if place in (0, axis.size):
        return
    if axis.factors:
        raise Mismatch
    if not axis.terms:
        axis.terms = ((Axis(place, axis.fixed, axis.roles),), (Axis(axis.size - place, axis.fixed, axis.roles),))
        return
    begin = 0
    for term in _flat_terms(axis):
        size = size_of(term)
        if begin < place < begin + size:
            first, *rest = resolved(term)
            inner = size_of(rest)
            if (place - begin) % inner or rest:
                raise Mismatch
            _cut(first, place - begin)
        begin += size


def _flat_terms(axis: Axis) -> tuple[Dim, ...]:
    """The terms of `axis`, those that are sums themselves as their terms."""
    found: list[Dim] = []
    for term in axis.terms:
        inner = resolved(term)
        found += _flat_terms(inner[0]) if len(inner) == 1 and inner[0].terms else [term]
    return tuple(found)


def _merge(one: Axis, other: Axis) -> None:
    """Make two axes of one size, of which none is a product, the same."""
    if one.terms and other.terms:
        while {*_boundaries(one)} != {*_boundaries(other)}:  # a cut may be one of the other, too, with parts in common
            for boundaries, axis in ((_boundaries(one), other), (_boundaries(other), one)):
                for place in boundaries:
                    _cut(axis, place)
        for a, b in zip(_flat_terms(one), _flat_terms(other), strict=True):
            unify(a, b)
    if other.terms and not one.terms:
        one, other = other, one
    fixed = one.fixed or other.fixed
    one.roles |= other.roles
    other._same = one
    if fixed:
        fix((one,), fixed)
    for role in one.roles:
        mark((one,), role)


def _boundaries(axis: Axis) -> list[int]:
    places, place = [], 0
    for term in _flat_terms(axis):
        place += size_of(term)
        places.append(place)
    return places
