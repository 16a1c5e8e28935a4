import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn

from pipelines.pruners.dependencies import Dependencies, Unfollowed


class Joined(nn.Module):
    """Two convolutions whose channels are joined."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 6, 3), nn.Linear(10, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.cat([self.one(x), self.two(x)], 1).mean((2, 3)))


class Products(nn.Module):
    """All products of the channels of a convolution, as in bilinear pooling."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, width, 3), nn.Linear(width * width, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(x).flatten(2)
        return self.head((h @ h.transpose(1, 2)).flatten(1))


def dependencies(model: nn.Module, size: int) -> Dependencies:
    return Dependencies().build_dependency(model, (torch.zeros(1, 1, size, size),), verbose=False)


def reached(graph: Dependencies, layer: nn.Module, indices: list[int]) -> dict[nn.Module, list[int]]:
    group = graph.get_pruning_group(layer, tp.prune_conv_out_channels, indices)
    return {
        dep.target.module: list(gone) for dep, gone in group if isinstance(dep.target.module, (nn.Conv2d, nn.Linear))
    }


def test_channels_are_followed_through_concatenation() -> None:
    model = Joined()
    graph = dependencies(model, 4)
    assert reached(graph, model.one, [1]) == {model.one: [1], model.head: [1]}
    assert reached(graph, model.two, [0, 5]) == {model.two: [0, 5], model.head: [4, 9]}


def test_the_groups_are_those_of_the_library() -> None:
    model, example = Joined(), (torch.zeros(1, 1, 4, 4),)
    graphs = [kind().build_dependency(model, example, verbose=False) for kind in (Dependencies, tp.DependencyGraph)]
    own, theirs = (graph.get_pruning_group(model.two, tp.prune_conv_out_channels, [2, 3]) for graph in graphs)
    assert [(str(dep), list(gone), item.root_idxs) for item in own for dep, gone in [item]] == [
        (str(dep), list(gone), item.root_idxs) for item in theirs for dep, gone in [item]
    ]


@pytest.mark.parametrize("width", [4, 16])
def test_channels_that_multiply_without_end_are_given_up(width: int) -> None:
    model = Products(width)
    with pytest.raises(Unfollowed, match=r"its channels lead to channel \d+ of an operator between layers, which has"):
        reached(dependencies(model, 6), model.conv, [0])
