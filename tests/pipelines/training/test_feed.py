from collections import UserDict
from dataclasses import replace

import pytest
import torch

from pipelines import Training
from pipelines.errors import TrialFailed
from pipelines.training.context import Context
from pipelines.training.feed import HostFeed, ResidentFeed, feed_of

CPU = torch.device("cpu")
X, Y = torch.arange(10.0).view(10, 1), torch.arange(10)


class Listed:
    """Batches of 4 without a length, in an order that the generator gives."""

    passes = 0

    def batches(self, split: str):
        self.passes += 1
        return ((X[rows], Y[rows]) for rows in torch.randperm(10).split(4))


class Tensors(Listed):
    def tensors(self, split: str):
        assert split == "train"
        return (X, X + 100), Y


class Augmented(Tensors):
    def augment(self, inputs, targets):
        return (inputs[0] + torch.rand(()), inputs[1]), targets


def context(task: object) -> Context:
    return Context(task, "", Training(), 0, CPU)  # type: ignore[arg-type]


def test_batches_are_counted_once_and_without_a_trace() -> None:
    task = Listed()
    torch.manual_seed(3)
    before, shared = torch.get_rng_state(), context(task)
    assert feed_of(shared).steps == feed_of(replace(shared, seed=1)).steps == 3
    assert task.passes == 1
    assert torch.equal(before, torch.get_rng_state())
    assert isinstance(feed_of(shared), HostFeed)


def test_another_task_has_other_batches() -> None:
    shared = context(Listed())
    assert isinstance(feed_of(shared), HostFeed)
    assert isinstance(feed_of(replace(shared, task=Tensors())), ResidentFeed)


def test_tensors_come_in_batches_as_large_as_the_tasks_own_each_example_once() -> None:
    feed = feed_of(context(Tensors()))
    assert isinstance(feed, ResidentFeed)
    torch.manual_seed(0)
    batches = [feed.prepare(item) for item in feed.epoch()]
    assert [len(batch.targets) for batch in batches] == [4, 4, 2]
    assert feed.steps == 3
    assert sorted(torch.cat([batch.targets for batch in batches]).tolist()) == list(range(10))
    for batch in batches:
        assert torch.equal(batch.inputs[0][:, 0].long(), batch.targets)
        assert torch.equal(batch.inputs[1], batch.inputs[0] + 100)
        assert torch.equal(batch.rows, batch.targets), "rows say where examples stand"


class Named:
    """Inputs by name, in a mapping that is no dict and in another order in each batch."""

    def batches(self, split: str):
        yield UserDict(b=X + 100, a=X), Y
        yield UserDict(a=X, b=X + 100), Y


class NamedTensors(Named):
    def tensors(self, split: str):
        return UserDict(b=X + 100, a=X), Y


class NamedAugmented(NamedTensors):
    def augment(self, inputs, targets):
        return {"b": inputs["b"] + 1, "a": inputs["a"] + 1}, targets


@pytest.mark.parametrize("task", [Named, NamedTensors, NamedAugmented])
def test_inputs_by_name_come_in_the_order_of_their_names(task: type) -> None:
    feed = feed_of(context(task()))
    for item in feed.epoch():
        batch = feed.prepare(item)
        assert batch.inputs.names == ("a", "b")
        assert torch.equal(batch.inputs.a + 100, batch.inputs.b)
        assert torch.equal(batch.inputs[1], batch.inputs.b)


def test_the_order_follows_from_the_seed() -> None:
    feed = feed_of(context(Tensors()))
    orders = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        orders.append(torch.cat([feed.prepare(item).targets for item in feed.epoch()]).tolist())
    assert orders[0] == orders[1] != orders[2]


def test_augmented_examples_are_not_the_same_each_time() -> None:
    feed = ResidentFeed(Augmented(), CPU, room=0)  # type: ignore[arg-type]
    assert not feed.is_fixed
    batch = feed.prepare(next(feed.epoch()))
    assert batch.rows is None
    assert not torch.equal(batch.inputs[0][:, 0], batch.targets)


def test_what_does_not_fit_on_a_gpu_stays_on_the_host() -> None:
    meta = torch.device("meta")  # stands for a device with other memory
    assert ResidentFeed(Tensors(), meta, room=1e9).resident  # type: ignore[arg-type]
    feed = ResidentFeed(Tensors(), meta, room=10)  # type: ignore[arg-type]
    assert not feed.resident
    rows, inputs, targets = next(feed.epoch())
    assert torch.equal(rows, targets)
    assert torch.equal(feed.prepare((rows, inputs, targets)).inputs[0], X[rows])


def test_tensors_of_different_length_are_refused() -> None:
    class Uneven(Listed):
        def tensors(self, split: str):
            return X, Y[:5]

    with pytest.raises(TrialFailed, match=r"tensors\(\"train\"\) must give \(inputs, targets\), tensors with one"):
        feed_of(context(Uneven()))
