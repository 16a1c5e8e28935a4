"""Whatever was there before, and however often it was cut off: a recipe becomes the same file, bit for bit."""

import hashlib
import json
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipelines import STEPS, Training, run_recipe
from pipelines.pipeline import Built
from pipelines.store import Store
from pipelines.tasks.task import Batch, Split
from pipelines.training.context import Context
from pipelines.training.trajectory import TrainingPhase, Trajectory, _size_bytes
from spaces import Recipe

EPOCHS = 3
TRAINING = Training(
    teacher_epochs=EPOCHS, student_epochs=EPOCHS, finetune_epochs=EPOCHS, qat_epochs=EPOCHS, learning_rate=0.01
)


class Restless:
    """Images whose order and noise come from every global generator, for networks that forget at random.

    Attributes:
        passes: How often the ``train`` split was gone through.
        dies_in: In which of these passes the process kills itself.
    """

    def __init__(self, dies_in: int | None = None) -> None:
        self.passes, self.dies_in = 0, dies_in

    def teacher(self) -> nn.Module:
        return network(2)

    def student(self, depth: int) -> nn.Module:
        return network(depth)

    def batches(self, split: Split) -> Iterable[Batch]:
        fixed = torch.Generator().manual_seed(len(split))
        images, targets = torch.rand(48, 1, 8, 8, generator=fixed) * 0.5, torch.arange(48) % 2
        images[targets == 0, :, :, :4] += 0.5
        images[targets == 1, :, :, 4:] += 0.5
        if split != "train":
            return [(images, targets)]
        return Counted(4, lambda: self._shuffled(images, targets))

    def _shuffled(self, images: torch.Tensor, targets: torch.Tensor) -> Iterator[Batch]:
        self.passes += 1
        for index, chosen in enumerate(torch.randperm(48).split(12)):
            if self.passes == self.dies_in and index == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            noise = torch.from_numpy(np.random.rand(len(chosen), 1, 8, 8)).float()
            yield images[chosen] + 0.1 * noise * random.random(), targets[chosen]

    def example_input(self) -> torch.Tensor:
        return torch.zeros(1, 1, 8, 8)


@dataclass
class Counted:
    """Batches that say how many they are, so that none are drawn to count them."""

    count: int
    draw: Callable[[], Iterator[Batch]]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Batch]:
        return self.draw()


def network(depth: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Conv2d(16 if index else 1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 2))


DISTIL = {"distil": {"depth": 1, "alpha": 0.5, "temperature": 2, "feature": "hint"}}
RECIPES = {
    "teacher": [],
    "distil with hint": [DISTIL],
    "channels": [DISTIL, {"prune": {"ratio": 0.5, "importance": "taylor"}}],
    "zeros": [DISTIL, {"prune": {"method": "unstructured", "ratio": 0.5}}],
    "several cuts": [{"prune": {"method": "unstructured", "ratio": 0.5, "steps": 2, "importance": "taylor"}}],
    "qat": [{"prune": {"method": "unstructured", "ratio": 0.5}}, {"quantize": {"scheme": "qat-int8"}}],
}
each_recipe = pytest.mark.parametrize("steps", RECIPES.values(), ids=RECIPES)


def recipe(steps: list) -> Recipe:
    return Recipe.from_list(steps, STEPS)


def context(training: Training = TRAINING, dies_in: int | None = None) -> Context:
    return Context(Restless(dies_in), "restless", training, seed=0, device=torch.device("cpu"))  # type: ignore[arg-type]


def run(steps: list, store: Store, context: Context) -> tuple[str, int, Built]:
    """The file's sha256, how many passes over the training split it took, and what it was built of."""
    before = context.task.passes  # type: ignore[attr-defined]
    built = run_recipe(recipe(steps), context, store)
    made = context.task.passes - before  # type: ignore[attr-defined]
    return hashlib.sha256(built.file.read_bytes()).hexdigest(), made, built


def states(store: Store) -> list[int]:
    """After how many epochs there are states of trainings in `store`."""
    manifests = [json.loads(path.read_text()) for path in store.root.glob("entries/*/*/manifest.json")]
    return sorted(m["params"]["epoch"] for m in manifests if m["stage"] == "training")


def run_and_die(steps: list, folder: Path, dies_in: int) -> None:
    """In a process of its own: what is kept every minute is kept at once."""
    torch.set_num_threads(1)
    import pipelines.training.trajectory

    pipelines.training.trajectory.INTERVAL_S = 0.0
    run(steps, Store(folder), context(dies_in=dies_in))


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(steps, id=name, marks=[] if name == "zeros" else pytest.mark.slow)
        for name, steps in RECIPES.items()
    ],
)
def test_a_kill_in_the_middle_of_a_training_costs_an_epoch(steps: list, tmp_path: Path) -> None:
    expected, passes, _ = run(steps, Store(tmp_path / "whole"), context())
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    child = processes.Process(target=run_and_die, args=(steps, tmp_path / "killed", passes))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    store = Store(tmp_path / "killed")
    assert states(store), "the training that was killed has left a state"
    found, again, _ = run(steps, store, context())
    assert found == expected
    stages = [step for step in recipe(steps).steps if step.name != "quantize"]
    cuts = 2 if steps == RECIPES["several cuts"] else 1
    looked = 0 if not stages or stages[-1].name == "distil" or "quantize" in str(steps) else cuts
    assert looked < again <= 1 + 3 * looked, "one epoch, and what the cuts look at"
    assert states(store) == []


@each_recipe
def test_trained_a_third_of_the_way_before_it_goes_on_from_there(steps: list, tmp_path: Path) -> None:
    expected, _, whole = run(steps, Store(tmp_path / "whole"), context())
    store, partly = Store(tmp_path / "partly"), replace(context(), fidelity=1 / 3)
    different, _, part = run(steps, store, partly)
    trains = bool(steps)
    assert (part.stages[-1].key != whole.stages[-1].key) is trains
    assert (different != expected) is trains
    assert bool(states(store)) is trains
    found, _, built = run(steps, store, context())
    assert (found, built.stages[-1].key) == (expected, whole.stages[-1].key)


def test_only_what_is_left_of_a_training_is_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert [run([DISTIL], store, replace(context(), fidelity=share))[1] for share in (0, 1 / 3, 2 / 3, 1)] == [
        3,
        1,
        1,
        1,
    ]
    assert states(store) == []


@pytest.mark.parametrize("prefix", [1, 2, 3], ids=["teacher", "student", "pruned"])
def test_the_same_from_any_prefix_and_with_other_trainings_in_between(prefix: int, tmp_path: Path) -> None:
    steps = [*RECIPES["zeros"], {"quantize": {"scheme": "qat-int8"}}]
    expected, _, _ = run(steps, Store(tmp_path / "whole"), context())
    store = Store(tmp_path / "prefix")
    run(steps[: prefix - 1], store, context())
    run([{"prune": {"ratio": 0.5}}], store, context())
    assert run(steps, store, context())[0] == expected


def test_with_a_steady_rate_more_epochs_go_on_from_fewer(tmp_path: Path) -> None:
    def training(epochs: int) -> Training:
        return TRAINING.model_copy(update={"schedule": "wsd", "student_epochs": epochs})

    expected, _, _ = run([DISTIL], Store(tmp_path / "whole"), context(training(10)))
    store = Store(tmp_path / "store")
    _, passes, _ = run([DISTIL], store, context(training(5)))
    assert passes == EPOCHS + 5
    assert states(store) == [2, 4], "where the teacher's and the student's rate began to fall"
    found, more, _ = run([DISTIL], store, context(training(10)))
    assert (found, more) == (expected, 6)
    assert states(store) == [2, 8]


def test_along_a_cosine_another_number_of_epochs_is_another_training(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run([DISTIL], store, replace(context(), fidelity=2 / 3))
    longer = context(TRAINING.model_copy(update={"student_epochs": 4}))
    assert run([DISTIL], store, longer)[1] == 4


def test_a_damaged_state_means_starting_from_an_earlier_one(tmp_path: Path) -> None:
    course, torn = TrainingPhase(3), Trajectory("a" * 32, Store(tmp_path))
    for epoch in (1, 2):
        Trajectory("a" * 32, Store(tmp_path)).passed(course, epoch, lambda: {"epoch": torch.tensor(epoch)}, last=True)  # noqa: B023
    epoch, state = torn.latest(course, until=3) or (0, {})
    assert (epoch, int(state["epoch"])) == (2, 2)
    damaged = next(
        path
        for path in tmp_path.glob("entries/*/*/manifest.json")
        if json.loads(path.read_text())["params"]["epoch"] == 2
    )
    (damaged.parent / "state.pt").write_bytes(b"half")
    epoch, state = torn.latest(course, until=3) or (0, {})
    assert (epoch, int(state["epoch"])) == (1, 1)


def test_states_are_kept_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("pipelines.training.trajectory.time.monotonic", lambda: now)
    store, course, kept = Store(tmp_path), TrainingPhase(9), []
    trajectory = Trajectory("a" * 32, store)
    for epoch in range(1, 7):
        now += 25
        trajectory.passed(course, epoch, lambda: {}, last=False)
        kept.append(states(store))
    assert kept == [[], [], [3], [3], [3], [6]]


def test_a_states_size_is_that_of_its_tensors() -> None:
    state = {"tensors": {"a": torch.zeros(3), "b": torch.zeros(2, dtype=torch.int8)}, "optimizer": [{"step": 1}, "x"]}
    assert _size_bytes(state) == 14
