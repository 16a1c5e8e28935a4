import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipelines import Training
from pipelines.errors import TrialFailed
from pipelines.lease import Lease
from pipelines.stages import Distil, Prune, TrainTeacher
from pipelines.tasks.task import Batch, Split
from pipelines.training.context import Context
from pipelines.training.loop import train

X, Y = torch.eye(4), torch.arange(4) % 2
PRUNE = {"method": "unstructured", "ratio": 0.5, "importance": "l2", "scope": "local"}


class OwnLoop:
    """A task that trains by plain gradient descent."""

    def __init__(self) -> None:
        self.jobs: list[Any] = []

    def teacher(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def student(self, depth: int) -> nn.Module:
        return nn.Linear(4, 2)

    def batches(self, split: Split) -> Iterable[Batch]:
        return [(X, Y)]

    def example_input(self) -> Tensor:
        return X[:1]

    def fit(self, model: nn.Module, job: Any) -> None:
        self.jobs.append(job)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for _ in range(job.epochs):
            for inputs, targets in self.batches("train"):
                optimizer.zero_grad()
                job.loss(inputs, model(inputs), targets).backward()
                optimizer.step()
                job.after_step()
                job.give_way()


def context(task: object) -> Context:
    return Context(task, "", Training(teacher_epochs=7, student_epochs=3, finetune_epochs=2), 0, torch.device("cpu"))  # type: ignore[arg-type]


def test_it_takes_the_place_of_the_loop(tmp_path: Path) -> None:
    class Counting(Lease):
        given = 0

        def give_way(self, settle: Any = None) -> None:
            self.given += 1

    task, lease = OwnLoop(), Counting(folder=tmp_path)
    model = train(task.teacher(), replace(context(task), lease=lease), epochs=5, kind="teacher")
    (job,) = task.jobs
    assert (job.kind, job.epochs, job.device) == ("teacher", 5, torch.device("cpu"))
    assert job.hyperparameters == Training(teacher_epochs=7).of("teacher")
    assert lease.given == 5
    assert not model.training


def test_without_epochs_it_is_not_asked() -> None:
    task = OwnLoop()
    train(task.teacher(), context(task), epochs=0)
    assert task.jobs == []


def test_it_begins_with_the_same_seed_each_time() -> None:
    task = OwnLoop()
    for _ in range(2):
        torch.rand(3)
        train(task.teacher(), context(task), epochs=1)
    assert task.jobs[0].seed == task.jobs[1].seed


def test_stages_give_it_their_loss_their_kind_and_what_must_hold(tmp_path: Path) -> None:
    task, folders = OwnLoop(), [tmp_path / name for name in ("teacher", "student", "pruned")]
    for folder in folders:
        folder.mkdir()
    teacher, student, pruned = folders
    TrainTeacher().run(Path(), teacher, {}, context(task))
    Distil().run(teacher, student, {"depth": 1, "alpha": 1.0, "temperature": 2.0}, context(task))
    Prune().run(student, pruned, PRUNE, context(task))
    assert [(job.kind, job.epochs) for job in task.jobs] == [("teacher", 7), ("student", 3), ("finetune", 2)]
    outputs = torch.tensor([[9.0, -9.0]]).expand(4, 2)
    assert task.jobs[1].loss(X, outputs, Y) == task.jobs[1].loss(X, outputs, 1 - Y), "the teacher alone is listened to"
    assert task.jobs[2].loss(X, outputs, Y) == pytest.approx(9.0, rel=1e-3)


def test_weights_that_are_no_numbers_fail_the_trial() -> None:
    class Wild(OwnLoop):
        def fit(self, model: nn.Module, job: Any) -> None:
            nn.init.constant_(model[0].bias, float("nan"))

    message = "after the task's fit, 0.bias of the network is not finite (NaN or infinite)"
    with pytest.raises(TrialFailed, match=re.escape(message)):
        train(OwnLoop().teacher(), context(Wild()), epochs=1)
