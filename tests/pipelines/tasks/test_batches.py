from collections import UserDict

import pytest
import torch

from pipelines.tasks.batches import batches_of

TOKENS, LABELS = torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 1])


def task_of(batch: object):
    return type("Given", (), {"batches": lambda self, split: [batch]})()


@pytest.mark.parametrize("kind", [dict, UserDict], ids=["dict", "of a tokenizer's kind"])
@pytest.mark.parametrize("name", ["labels", "label", "targets", "target"])
def test_of_a_batch_by_name_the_targets_stand_apart(kind, name) -> None:
    ((inputs, targets),) = batches_of(task_of(kind({"input_ids": TOKENS, name: LABELS})), "train")
    assert inputs == {"input_ids": TOKENS}
    assert targets is LABELS


@pytest.mark.parametrize("batch", [(TOKENS, LABELS), [TOKENS, LABELS]], ids=["tuple", "list"])
def test_pairs_stay_as_they_are(batch) -> None:
    assert list(batches_of(task_of(batch), "train")) == [batch]


@pytest.mark.parametrize(
    ("batch", "names"),
    [
        ({"x": TOKENS}, r"\(x\) with none of the names"),
        ({"label": LABELS, "labels": LABELS}, r"\(label, labels\) with several"),
    ],
    ids=["none", "several"],
)
def test_targets_that_cannot_be_told_are_refused(batch, names) -> None:
    with pytest.raises(ValueError, match=names):
        list(batches_of(task_of(batch), "train"))
