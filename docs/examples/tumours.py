"""A task of one's own: is a tumour benign? 569 patients, 30 measurements each, from scikit-learn."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn


def network(depth: int) -> nn.Sequential:
    """A perceptron with `depth` hidden layers of 64."""
    hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(64, 64), nn.ReLU())]
    return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), *hidden, nn.Linear(64, 2))


class Tumours:
    """Table in, two classes out."""

    def __init__(self, batch_size: int = 32) -> None:
        x, y = (torch.tensor(column) for column in load_breast_cancer(return_X_y=True))
        rest, test = train_test_split(range(len(y)), test_size=114, random_state=0, stratify=y)
        train, validation = train_test_split(rest, test_size=114, random_state=0, stratify=y[rest])
        x = ((x - x[train].mean(0)) / x[train].std(0)).float()
        rows = {"train": train, "calibration": train[:100], "validation": validation, "test": test}
        self.data = {split: (x[chosen], y[chosen]) for split, chosen in rows.items()}
        self.batch_size = batch_size

    def teacher(self) -> nn.Module:  # the network to compress
        return network(4)

    def student(self, depth: int) -> nn.Module:  # a shallower one; without this method one is derived
        return network(depth)

    def batches(self, split: str):  # (inputs, targets); train in another order on each pass
        order = torch.randperm if split == "train" else torch.arange
        x, y = self.data[split]
        return ((x[rows], y[rows]) for rows in order(len(y)).split(self.batch_size))

    def example_input(self) -> torch.Tensor:  # what the network is exported with
        return self.data["train"][0][:1]
