import torch

from pipelines.preflight.batches import SPLITS


def test_every_split_of_a_search_gives_pairs(check, words) -> None:
    class Odd(words):
        def batches(self, split: str):
            if split == "train":
                raise LookupError("no images")
            return iter([torch.zeros(4, 6)] if split == "calibration" else [])

    assert check(Odd()) == [
        "task.use: batches('train'): LookupError: no images",
        "task.use: batches('calibration') must give pairs (inputs, targets), not Tensor",
        "task.use: batches('validation') gives no batch",
    ]


def test_a_search_never_sees_the_test_split() -> None:
    assert SPLITS == ("train", "calibration", "validation")
