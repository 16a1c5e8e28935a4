from collections.abc import Callable

import pytest
import torch
from torch import nn

from pipelines import steps_of
from pipelines.preflight import Findings, preflight
from spaces import SearchSpace


class Words:
    """Networks over (N, 6) with whatever a test replaces; `student` takes no width."""

    def teacher(self) -> nn.Module:
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))

    def student(self, depth: int) -> nn.Module:
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))

    def batches(self, split: str):
        yield torch.zeros(4, 6), torch.zeros(4, dtype=torch.long)

    def example_input(self) -> torch.Tensor:
        return torch.zeros(1, 6)


@pytest.fixture
def words() -> type[Words]:
    """The class of tasks that tests derive theirs from."""
    return Words


@pytest.fixture
def check() -> Callable[..., list[str]]:
    """The problems of a task, in a space of one student with the given changes."""
    return lambda task, **space: [str(problem) for problem in _try(task, **space).problems]


@pytest.fixture
def warnings() -> Callable[..., list[str]]:
    """What is said of a task that works, in such a space."""
    return lambda task, **space: _try(task, **space).warnings


def _try(task: object, **space) -> Findings:
    asked = {"student": {"depth": [1]}, "distillation": {"alpha": 0.5}, "pruning": {"method": "none"}, **space}
    return preflight(task, SearchSpace.parse(asked, steps_of(asked)))
