import pytest
import torch
from torch import nn

from pipelines.networks.inheritance import inherit
from pipelines.tasks.derived import depth_of, redrawn, shallower
from pipelines.tasks.task import make_student, make_teacher


class Block(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.layer, self.way = nn.Linear(inside, outside), nn.Linear(inside, outside)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.way(x) + torch.relu(self.layer(x))


def stack(count: int = 6) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.Sequential(*(Block(8, 8) for _ in range(count))), nn.Linear(8, 2))


def stages() -> nn.Sequential:
    """Two stages of which the first block of each changes the width, as in a ResNet."""
    return nn.Sequential(
        nn.Sequential(Block(4, 8), Block(8, 8), Block(8, 8)),
        nn.Sequential(Block(8, 16), Block(16, 16)),
        nn.Linear(16, 2),
    )


EXAMPLE = (torch.zeros(1, 4),)


@pytest.mark.parametrize(("depth", "kept"), [(1, [0]), (2, [0, 5]), (3, [0, 2, 5]), (6, [0, 1, 2, 3, 4, 5])])
def test_it_keeps_evenly_spaced_blocks(depth: int, kept: list[int]) -> None:
    network = stack()
    before = list(network[1])
    assert [before.index(block) for block in shallower(network, depth, EXAMPLE)[1]] == kept
    assert network(*EXAMPLE).shape == (1, 2)


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_blocks_that_change_the_width_stay(depth: int) -> None:
    network = shallower(stages(), depth, EXAMPLE)
    assert depth_of(stages(), EXAMPLE) == 5
    assert network(*EXAMPLE).shape == (1, 2)
    assert sum(isinstance(module, Block) for module in network.modules()) == depth


@pytest.mark.parametrize(
    ("make", "depth", "message"),
    [
        (stack, 7, "a student derived from 6 blocks has 1 to 6 of them, not 7"),
        (stages, 1, "a student derived from 5 blocks has 2 to 5 of them, not 1"),
        (lambda: nn.Sequential(nn.Linear(4, 2)), 1, "no row of blocks of one class.* write student"),
    ],
    ids=["too deep", "too shallow", "no blocks"],
)
def test_what_cannot_be_derived_is_told(make, depth: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shallower(make(), depth, EXAMPLE)


def test_a_task_without_students_has_those_of_its_teacher() -> None:
    class Plain:
        def teacher(self) -> nn.Module:
            with torch.no_grad():
                network = stack()
                for parameter in network.parameters():
                    parameter.fill_(0.5)
            return network

        def batches(self, split: str):
            return []

        def example_input(self) -> torch.Tensor:
            return EXAMPLE[0]

    student, teacher = make_student(Plain(), 2), make_teacher(Plain())
    assert depth_of(student, EXAMPLE) == 2
    assert not any(parameter.eq(0.5).all() for parameter in student.parameters())
    copied = inherit(student, teacher)
    assert (copied["1.0.layer.weight"], copied["1.1.layer.weight"]) == ("1.0.layer.weight", "1.5.layer.weight")


def test_parallel_branches_are_no_blocks() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ways = nn.ModuleList(Block(8, 8) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return sum(way(x) for way in self.ways)

    network = nn.Sequential(nn.Linear(4, 8), nn.Sequential(Branches(), Branches()))
    assert depth_of(network, EXAMPLE) == 2
    assert len(shallower(network, 1, EXAMPLE)[1][0].ways) == 3


def test_weights_are_drawn_anew() -> None:
    network = stack()
    before = network[0].weight.detach().clone()
    assert not redrawn(network)[0].weight.equal(before)
