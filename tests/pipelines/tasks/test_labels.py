import pytest
import torch

from pipelines.tasks.labels import labels_of


@pytest.mark.parametrize(
    ("values", "kind", "names", "targets"),
    [
        (["dog", "cat", "dog"], "classes", ("cat", "dog"), [1, 0, 1]),
        ([3, 10, 3], "classes", ("3", "10"), [0, 1, 0]),
        ([0.0, 1.0], "classes", ("0", "1"), [0, 1]),
        ([0.5, 2.0], "numbers", (), [[0.5], [2.0]]),
        ([["a", "b"], [], ["b"]], "labels", ("a", "b"), [[1, 1], [0, 0], [0, 1]]),
    ],
    ids=["words", "whole numbers", "whole floats", "numbers", "lists"],
)
def test_labels_are_read_as_what_they_are(values, kind, names, targets) -> None:
    found = labels_of(values)
    assert (found.kind, found.names, found.outputs) == (kind, names, len(names) or 1)
    assert found.targets.equal(torch.tensor(targets, dtype=found.targets.dtype))


@pytest.mark.parametrize(
    ("values", "message"),
    [(["a", "a"], "the labels have a single class, a"), (["a", None, float("nan")], "2 of 3 rows have no label")],
    ids=["one class", "missing"],
)
def test_labels_from_which_nothing_can_be_learned_are_told(values, message) -> None:
    with pytest.raises(ValueError, match=message):
        labels_of(values)
