import hashlib

import pytest

from spaces import digest


def test_it_is_128_bits_of_the_sha256_of_canonical_json() -> None:
    assert digest({"b": [1, 2.5], "a": "x"}) == hashlib.sha256(b'{"a":"x","b":[1,2.5]}').hexdigest()[:32]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1.0}, {"a": 1}),
        ((1, (2.0,)), [1, [2]]),
        (-0.0, 0),
    ],
    ids=["key order", "whole floats", "tuples and lists", "minus zero"],
)
def test_values_that_mean_the_same_have_one_digest(one: object, other: object) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, "1"), (1, True), (0.1, 0.2), ([1, 2], [2, 1]), ({}, []), ({1: "x"}, {"1": "x"})],
    ids=["number and text", "number and truth", "numbers", "list order", "mapping and list", "number and text as key"],
)
def test_values_that_differ_have_two_digests(one: object, other: object) -> None:
    assert digest(one) != digest(other)


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        digest({"a": object()})
