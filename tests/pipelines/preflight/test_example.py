import torch


def test_an_example_that_fails_is_told_once_and_not_by_each_network(check, words) -> None:
    class Hungry(words):
        def example_input(self) -> torch.Tensor:
            raise FileNotFoundError("example.npy")

    class Listing(words):
        def example_input(self) -> list[float]:
            return [0.0]

    (told,) = check(Hungry(), student={"depth": [1, 2]})
    assert told.startswith("task.use: example_input(): FileNotFoundError: example.npy (")
    assert told.endswith("test_example.py:7)")
    assert check(Listing(), student={"depth": [1, 2]}) == [
        "task.use: example_input() gives a list of float, not a tensor or a tuple or a dict of tensors"
    ]
