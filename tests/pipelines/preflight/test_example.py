import torch


def test_an_example_that_fails_is_told_once_and_not_by_each_network(check, words) -> None:
    class Hungry(words):
        def example_input(self) -> torch.Tensor:
            raise FileNotFoundError("example.npy")

    class Listing(words):
        def example_input(self) -> list[float]:
            return [0.0]

    assert check(Hungry(), student={"depth": [1, 2]}) == ["task.use: example_input(): FileNotFoundError: example.npy"]
    assert check(Listing(), student={"depth": [1, 2]}) == [
        "task.use: example_input() gives a list, not a tensor or a tuple of tensors"
    ]
