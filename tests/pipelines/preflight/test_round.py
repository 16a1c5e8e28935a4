"""What the stages of trials say, run on one batch."""

import pytest
import torch
from torch import nn

from pipelines import STEPS, Training
from pipelines.preflight import preflight
from pipelines.pruners import PRUNERS
from spaces import SearchSpace


class Blocks(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 2)
        self.blocks = nn.Sequential(*(Block() for _ in range(count)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.blocks(self.first(x)))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.layer(x))


class Fixed(nn.Module):
    """Has the number of its channels in the code."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.first(x)).view(-1, 16))


def space(**groups) -> SearchSpace:
    asked = {"student": {"depth": [1]}, "distillation": {"alpha": 0.5}, "pruning": {"method": "none"}, **groups}
    return SearchSpace.parse(asked, STEPS)


def test_what_no_network_can_be_cut_by_is_told(check, words) -> None:
    class Narrow(words):
        def student(self, depth: int) -> nn.Module:
            return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))

    class Viewed(words):
        def student(self, depth: int) -> nn.Module:
            return Fixed()

    pruning = {"method": ["none", "channel"], "ratio": [0.25, 0.5]}
    (told,) = check(Narrow(), pruning=pruning)
    assert told.startswith("space.pruning.method: channel: nothing to prune at ratio 0.5: widths are kept at multiples")
    assert told.endswith("; take it out of the axis")
    assert check(Viewed(), pruning=pruning) != []


def test_what_some_networks_cannot_be_cut_by_is_ruled_out_with_the_reason(words) -> None:
    class Deep(words):
        def teacher(self) -> nn.Module:
            return Blocks(4)

        def student(self, depth: int) -> nn.Module:
            return Blocks(depth)

    asked = space(student={"depth": ["none", 1, 2]}, pruning={"method": ["none", "blocks"], "ratio": 0.5})
    findings = preflight(Deep(), asked)
    assert findings.problems == []
    (rule,) = findings.rules
    assert str(rule) == (
        "distil → prune, pruning.method blocks, student.depth 1: no two blocks with weights that keep "
        "their input's shape follow each other"
    )
    left = asked.ruling_out(findings.rules)
    assert left == asked  # as asked for, it is the same
    assert left.ruled_out() == {rule: 1}
    assert left.size() == asked.size() - 1


def test_a_pruner_is_asked_about_the_networks_that_it_will_get(check, words, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(PRUNERS["channel"], "problem", lambda model, *rest: asked.append(len(model)))
    assert check(words(), pruning={"method": ["none", "channel"], "ratio": 0.5}) == []
    assert asked == [3]  # the student: the teacher, which has five layers, is not pruned
    asked.clear()
    both = {"student": {"depth": ["none", 1]}, "pruning": {"method": ["none", "channel"], "ratio": 0.5}}
    assert check(words(), **both) == []
    assert asked == [5, 3]


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_network_that_cannot_be_trained_is_told_if_it_is_to_be(words, epochs) -> None:
    class Frozen(words):
        def teacher(self) -> nn.Module:
            return super().teacher().requires_grad_(False)

    told = [str(problem) for problem in preflight(Frozen(), space(), Training(teacher_epochs=epochs)).problems]
    assert told == [
        "task.use: teacher(): none of its parameters requires gradients, so that it cannot be trained; set "
        "training.teacher_epochs to 0 if it comes with its weights"
    ] * bool(epochs)


def test_a_last_batch_of_one_is_told_if_networks_cannot_be_trained_on_it(check, words) -> None:
    class Last(words):
        def batches(self, split: str):
            x, y = torch.randn(5, 6), torch.arange(5) % 2
            return [(x[:4], y[:4]), (x[4:], y[4:])]

    class Normal(Last):
        def student(self, depth: int) -> nn.Module:
            return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))

    assert check(Last()) == []
    (told,) = check(Normal())
    assert told.startswith("task.use: student(1): 'train' has a batch of one example, on which it cannot be trained: ")
    assert told.endswith("; leave that batch out (drop_last=True)")


def test_inputs_that_the_file_does_not_take_are_told(check, words) -> None:
    class Sequences(words):
        def teacher(self) -> nn.Module:
            return Pooled()

        def student(self, depth: int) -> nn.Module:
            return Pooled()

        def batches(self, split: str):
            lengths = (5, 9) if split == "validation" else (5, 5)
            return [(torch.randn(4, length, 6), torch.arange(4) % 2) for length in lengths]

        def example_input(self) -> torch.Tensor:
            return torch.zeros(1, 5, 6)

    (told,) = check(Sequences())
    assert told.startswith(
        "task.use: batches('validation') has inputs of shape (9, 6) beside the batch dimension, which"
    )


class Pooled(nn.Linear):
    def __init__(self) -> None:
        super().__init__(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).mean(1)


def test_a_loop_of_the_tasks_own_is_not_run_and_its_tensors_are_few(words) -> None:
    asked: list[int] = []

    class Own(words):
        def fit(self, model: nn.Module, job: object) -> None:
            raise AssertionError("it would go through all of the data")

        def tensors(self, split: str):
            return torch.randn(100, 6), torch.arange(100) % 2

        def augment(self, inputs, targets):
            asked.append(len(targets))
            return inputs, targets

    assert [str(problem) for problem in preflight(Own(), space(), Training()).problems] == []
    assert asked
    assert set(asked) == {4}, "two batches as large as the first of its own, of eight examples"


def test_a_fault_of_an_augmentation_is_told(words) -> None:
    class Wrong(words):
        def tensors(self, split: str):
            return torch.randn(100, 6), torch.arange(100) % 2

        def augment(self, inputs, targets):
            raise IndexError("no such pixel")

    told = [str(problem) for problem in preflight(Wrong(), space(), Training()).problems]
    assert len(told) == 1
    assert "training it: IndexError: no such pixel" in told[0]
