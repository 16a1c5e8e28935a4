import re

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from pipelines.preflight.batches import SPLITS

LABELS = torch.zeros(4, dtype=torch.long)


def given(words, make) -> object:
    """A task whose batches are what `make` gives for a split."""
    return type("Given", (words,), {"batches": lambda self, split: make(split)})()


def told_of_train(lines: list[str]) -> str:
    """What is told of all splits alike, without the place."""
    (line,) = [line for line in lines if "'train'" in line]
    splits = ", ".join(f"batches({split!r})" for split in SPLITS)
    return line.partition("; see ")[0].removeprefix(f"task.use: {splits} ")


def test_every_split_of_a_search_gives_pairs(check, words) -> None:
    class Odd(words):
        def batches(self, split: str):
            if split == "train":
                raise LookupError("no images")
            return iter([torch.zeros(4, 6)] if split == "calibration" else [])

    place = r"\([\w/.]*test_batches\.py:\d+\)"
    assert [re.sub(place, "(HERE)", line) for line in check(Odd())] == [
        "task.use: batches('train'): LookupError: no images (HERE)",
        "task.use: batches('calibration') must give pairs (inputs, targets), not a Tensor; see batches (HERE)",
        "task.use: batches('validation') gives no batch; see batches (HERE)",
    ]


def test_a_search_never_sees_the_test_split() -> None:
    assert SPLITS == ("train", "calibration", "validation")


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((torch.zeros(4, 6), LABELS, LABELS), "must give pairs (inputs, targets), not a tuple of 3"),
        (
            ({"x": torch.zeros(4, 6)}, LABELS),
            "gives inputs called x, but example_input() has them without names",
        ),
        (
            (torch.zeros(4, 6).numpy(), LABELS),
            "gives inputs of type ndarray, not tensors, or tuples or dicts of them; use torch.from_numpy",
        ),
        ((torch.zeros(4, 6), [0, 0, 0, 0]), "gives targets of type list, not a tensor"),
        (((torch.zeros(4, 6), torch.zeros(4, 6)), LABELS), "gives 2 inputs, but example_input() has 1"),
        ((torch.zeros(4, 6).double(), LABELS), "gives inputs of type float64, but example_input() is of type float32"),
        (
            (torch.zeros(4, 2, 6), LABELS),
            "gives inputs of shape (4, 2, 6), but example_input() is of shape (1, 6): both have the batch dimension "
            "first",
        ),
        (
            (torch.zeros(3, 6), LABELS),
            "gives inputs and targets of shapes (3, 6), (4,), not of one number of examples",
        ),
        ((torch.zeros(0, 6), LABELS[:0]), "gives an empty batch"),
        (
            {"x": torch.zeros(4, 6), "y": LABELS},
            "gives batches by name (x, y) with none of the names of targets, which are labels, label, targets, target; "
            "give pairs (inputs, targets) instead",
        ),
    ],
    ids=["three", "dict", "numpy", "list of targets", "two inputs", "double", "rank", "lengths", "empty", "no labels"],
)
def test_what_no_network_can_be_trained_with_is_told(check, words, batch, message) -> None:
    assert told_of_train(check(given(words, lambda split: [batch]))) == message


def test_a_batch_that_differs_later_is_told_with_its_number(check, words) -> None:
    good = (torch.zeros(4, 6), LABELS)
    task = given(words, lambda split: [good, good, (torch.zeros(0, 6), LABELS[:0])])
    assert told_of_train(check(task)) == "gives an empty batch in batch 3"


def test_batches_of_a_data_loader_are_lists_and_work(check, words) -> None:
    data = TensorDataset(torch.randn(8, 6), torch.arange(8) % 2)
    assert check(given(words, lambda split: DataLoader(data, batch_size=4))) == []


def test_batches_by_name_with_their_labels_among_them_work(check, words) -> None:
    class Collated(words):
        def batches(self, split: str):
            return [{"input": inputs, "labels": targets} for inputs, targets in super().batches(split)]

        def example_input(self):
            return {"input": super().example_input()}

    assert check(Collated(), quantization={"scheme": "static-int8"}, pruning={"method": "channel", "ratio": 0.5}) == []


@pytest.mark.parametrize("several", [False, True], ids=["used up", "not yet used up"])
def test_batches_that_are_gone_after_the_first_pass_are_told(check, words, monkeypatch, several) -> None:
    if several:
        monkeypatch.setattr("pipelines.preflight.batches.MOST", 1)
    once = {split: iter([(torch.zeros(4, 6), LABELS)] * 3) for split in SPLITS}
    told = told_of_train(check(given(words, once.__getitem__)))
    assert told == (
        "gives no batches when it is called again: it has to give all of them on each call, so make a new iterator "
        "there"
    )
