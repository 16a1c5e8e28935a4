import torch
from torch import nn

from pipelines.pruners.attributes import numbers_read


class Reads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.width, self.unread, self.shape, self.factor = nn.Linear(8, 8), 8, 8, (2, 4), 0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * self.layer(x).view(-1, self.width).view(-1, *self.shape)


def test_whole_numbers_that_modules_read_from_themselves_are_found() -> None:
    model = nn.Sequential(Reads())
    assert numbers_read(model, lambda network: network(torch.zeros(1, 8))) == {
        ("0", "width"): 8,
        ("0", "shape"): (2, 4),
    }
    assert type(model[0]) is Reads
