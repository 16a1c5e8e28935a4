"""Networks and data for Paredown to compress: is a tumour benign? Put your own in their place."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn


def network(depth: int) -> nn.Sequential:
    """A perceptron with `depth` hidden layers of 64."""
    hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(64, 64), nn.ReLU())]
    return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), *hidden, nn.Linear(64, 2))


class MyTask:
    """30 measurements in, two classes out."""

    # Loss and score are those of classes. Otherwise say, for example, loss = "mse" and scores = ["rmse"], or define
    # loss(self, outputs, targets) and score(self, outputs, targets).

    def __init__(self, batch_size: int = 32) -> None:  # the arguments are those of `args:` in sweep.yaml
        x, y = (torch.tensor(column) for column in load_breast_cancer(return_X_y=True))
        # Four parts that do not overlap, but for `calibration`, which may be a part of `train`; the same each time.
        rest, test = train_test_split(range(len(y)), test_size=114, random_state=0, stratify=y)
        train, validation = train_test_split(rest, test_size=114, random_state=0, stratify=y[rest])
        x = ((x - x[train].mean(0)) / x[train].std(0)).float()
        rows = {"train": train, "calibration": train[:100], "validation": validation, "test": test}
        self.data = {split: (x[chosen], y[chosen]) for split, chosen in rows.items()}
        self.batch_size = batch_size

    def teacher(self) -> nn.Module:
        """Make the network to compress. Paredown trains it, unless `training.teacher_epochs` is 0."""
        return network(4)

    def student(self, depth: int) -> nn.Module:
        """Make a smaller one; what depth means is yours to say. Without this method, students keep fewer blocks."""
        return network(depth)

    def batches(self, split: str):
        """Give (inputs, targets), batch by batch; those of `train` in another order on each pass."""
        x, y = self.data[split]
        order = torch.randperm(len(y)) if split == "train" else torch.arange(len(y))
        return ((x[rows], y[rows]) for rows in order.split(self.batch_size))

    def example_input(self) -> torch.Tensor:
        """Give one input with its batch dimension: networks are exported, and their latency measured, with it."""
        return self.data["train"][0][:1]
