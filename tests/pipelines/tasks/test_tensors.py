import pickle
from collections import UserDict, namedtuple

import pytest
import torch

from pipelines.tasks.tensors import Tensors, as_tuple, first, joined, names_in_file, outputs_of, scored, to_batch

A, B = torch.zeros(2, 1), torch.ones(2, 3)


def test_tensors_have_names_and_places() -> None:
    given = Tensors(("logits", "state"), (A, B))
    assert given.logits is given["logits"] is given[0]
    with pytest.raises(AttributeError, match="no output 'shape'; there are logits, state"):
        _ = given.shape
    with pytest.raises(KeyError, match="'loss'; there are logits, state"):
        given["loss"]
    assert pickle.loads(pickle.dumps(given)).names == given.names


@pytest.mark.parametrize("given", [{"b": B, "a": A}, UserDict(b=B, a=A)], ids=["dict", "another mapping"])
def test_inputs_by_name_come_in_the_order_of_their_names(given) -> None:
    for found in (as_tuple(given), first(given, 2), to_batch(given, 2)):
        assert found.names == names_in_file(given) == ("a", "b")
        assert [x.shape for x in found] == [A.shape, B.shape]


def test_a_network_gets_copies() -> None:
    (copy,) = as_tuple(A)
    copy.add_(1)
    assert not A.any()


Pair = namedtuple("Pair", "state logits")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"out": A, "aux": B}, ("out", "aux")),
        (Pair(B, A), ("state", "logits")),
        ((A, (B, None)), ("output_0", "output_1.0")),
        ({"logits": A, "past": {"key": B}}, ("logits", "past.key")),
    ],
    ids=["mapping", "named tuple", "nested tuple", "nested mapping"],
)
def test_outputs_are_flat_and_named(given: object, names: tuple[str, ...]) -> None:
    assert outputs_of(given).names == names


def test_one_tensor_stands_for_itself_and_none_for_nothing() -> None:
    assert outputs_of({"loss": None, "logits": A}) is outputs_of(A) is A
    assert outputs_of({"loss": None}) is None


def test_the_first_is_scored_and_all_are_compared() -> None:
    several = Tensors(("x", "y"), (A, B))
    assert scored(several) is scored(A) is A
    assert joined(several).tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
