"""A regression table: how strong is the concrete? Eight columns in, a number out."""

import torch
from torch import nn

from pipelines.tasks.parts import divided
from pipelines.tasks.table import read_table


class Strength:
    """Any table of numbers whose last column is the target."""

    loss = "mse"
    scores = ("rmse", "r2")

    def __init__(self, data: str) -> None:
        table = read_table(data)
        rows = torch.tensor(table.rows.to_numpy("float32"))
        parts, self.drawn = divided(table.parts, rows[:, -1].tolist())
        rows = (rows - rows[parts["train"]].mean(0)) / rows[parts["train"]].std(0)
        self.data = {split: rows[torch.from_numpy(chosen)] for split, chosen in parts.items()}

    def teacher(self) -> nn.Module:
        blocks = [nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(4)]
        return nn.Sequential(nn.Linear(self.data["train"].shape[1] - 1, 64), nn.Sequential(*blocks), nn.Linear(64, 1))

    def batches(self, split: str):
        rows = self.data[split]
        order = torch.randperm(len(rows)) if split == "train" else torch.arange(len(rows))
        return ((rows[chosen, :-1], rows[chosen, -1:]) for chosen in order.split(32))

    def example_input(self) -> torch.Tensor:
        return self.data["train"][:1, :-1]
