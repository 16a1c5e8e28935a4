"""Steps out of a graph give what steps give that are run one by one; the graph is a fake that works on any device."""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipelines import Training
from pipelines.stages import Distil, Prune, QuantizationAwareTraining, TrainTeacher
from pipelines.tasks.task import Batch, Split
from pipelines.training.context import Context
from pipelines.training.feed import Feed, HostFeed
from pipelines.training.loop import train
from pipelines.training.step import TrainingStep
from pipelines.training.step_runner import WARM_UP, CudaGraph, EagerRunner, GraphedRunner, runner_for


class FakeGraph:
    """Remembers the work and does it when asked."""

    made: "list[FakeGraph]"

    def __init__(self, refuses: Callable[[int], bool] = lambda index: False) -> None:
        self.refuses = refuses(len(FakeGraph.made))
        self.replays = 0
        FakeGraph.made.append(self)

    def capture(self, work: Callable[[], None]) -> None:
        if self.refuses:
            raise RuntimeError("operation not permitted when stream is capturing\nmore lines")
        self.work = work

    def replay(self) -> None:
        self.replays += 1
        self.work()


class Shifting:
    """Fifty images in batches of 12, the last one smaller, in another order each time."""

    def __init__(self, device: str = "cpu") -> None:
        generator = torch.Generator().manual_seed(0)
        self.x, self.y = torch.rand(50, 1, 8, 8, generator=generator), torch.arange(50) % 2
        self.x[self.y == 0, :, :, :4] += 0.5

    def teacher(self) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 2)
        )

    def student(self, depth: int) -> nn.Module:
        return self.teacher()

    def batches(self, split: Split) -> Iterable[Batch]:
        order = torch.randperm(50) if split == "train" else torch.arange(50)
        return [(self.x[rows], self.y[rows]) for rows in order.split(12)]

    def example_input(self) -> Tensor:
        return torch.zeros(1, 1, 8, 8)


class Resident(Shifting):
    def tensors(self, split: Split) -> tuple[Tensor, Tensor]:
        return self.x, self.y


class Augmented(Resident):
    def augment(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs - inputs.mean(dim=(1, 2, 3), keepdim=True), targets


class Noisy(Resident):
    def augment(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs + 0.01 * torch.randn_like(inputs), targets  # drawn on the device, which a graph can do


@pytest.fixture
def graphed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[GraphedRunner]]:
    """Trainings go through graphs that refuse as told."""

    def use(refuses: Callable[[int], bool] = lambda index: False) -> list[GraphedRunner]:
        FakeGraph.made = []
        monkeypatch.setattr(TrainingStep, "can_update_in_graph", True)
        runners: list[GraphedRunner] = []

        def make(step: TrainingStep, feed: Feed, *, graph: bool, on_note: Callable[[str], None]) -> GraphedRunner:
            runners.append(GraphedRunner(step, feed, lambda: FakeGraph(refuses), on_note))
            return runners[-1]

        monkeypatch.setattr("pipelines.training.loop.runner_for", make)
        return runners

    return use


def context(task: object, **how: object) -> Context:
    training = Training(**{"teacher_epochs": 3, "student_epochs": 3, "qat_epochs": 2, "finetune_epochs": 2, **how})
    return Context(task, "", training, 0, torch.device("cpu"))  # type: ignore[arg-type]


def trained(context: Context) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return train(context.task.teacher(), context, epochs=3).state_dict()


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize("task", [Shifting, Resident, Augmented])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"accumulate": 2},
        {"clip_norm": 0.1, "ema": 0.9, "warmup_epochs": 1},
        {"optimizer": {"name": "sgd", "momentum": 0.9}, "learning_rate": 0.1, "weight_decay": 1e-4},
        {"precision": "bf16", "channels_last": True},
    ],
    ids=["plain", "accumulated", "clipped and averaged", "sgd", "bf16"],
)
def test_replayed_steps_give_the_same_weights(task: type[Shifting], how: dict, graphed) -> None:
    expected, runners = trained(context(task(), **how)), graphed()
    assert_same(expected, trained(context(task(), **how)))
    whole = 3 * 4  # batches of 12
    assert [runner.replayed for runner in runners] == [whole - 4 if "accumulate" in how else whole - WARM_UP]
    assert len(FakeGraph.made) == 2


def network_after(stage: object, params: dict, before: Path, out: Path, context: Context) -> dict[str, Tensor]:
    out.mkdir()
    torch.manual_seed(0)
    stage.run(before, out, params, replace(context, teacher=before))  # type: ignore[attr-defined]
    return load_file(out / "weights.safetensors")


LISTENING = {"alpha": 0.5, "temperature": 2.0}
STAGES = {
    "features": (Distil(), {"depth": 1, "feature": "hint", "beta": 1.0, **LISTENING}),
    "zeros": (Prune(), {"method": "unstructured", "ratio": 0.5, "importance": "l2", "scope": "local", **LISTENING}),
    "channels": (Prune(), {"method": "channel", "ratio": 0.5, "importance": "l2", "scope": "local", "round_to": 8}),
    "qat": (QuantizationAwareTraining(), {"scheme": "qat-int8", "granularity": "channel", **LISTENING}),
}


@pytest.mark.parametrize("task", [Shifting, Resident])
@pytest.mark.parametrize(("stage", "params"), STAGES.values(), ids=STAGES)
def test_so_do_those_of_all_stages(stage: object, params: dict, task: type[Shifting], graphed, tmp_path: Path) -> None:
    used, before = context(task()), tmp_path / "teacher"
    before.mkdir()
    torch.manual_seed(0)
    TrainTeacher().run(Path(), before, {}, used)
    expected, runners = network_after(stage, params, before, tmp_path / "run", used), graphed()
    assert_same(expected, network_after(stage, params, before, tmp_path / "replayed", used))
    assert all(runner.replayed for runner in runners)


def test_what_cannot_be_captured_is_said_and_run(graphed) -> None:
    expected = trained(context(Shifting()))
    graphed(lambda index: True)
    refused = context(Shifting())
    assert_same(expected, trained(refused))
    assert refused.notes == ["trained without a CUDA graph: operation not permitted when stream is capturing"]


def test_without_the_change_of_weights_the_rest_is_captured(graphed) -> None:
    expected = trained(context(Shifting()))
    runners = graphed(lambda index: index == 1)
    partly = context(Shifting())
    assert_same(expected, trained(partly))
    assert runners[0].replayed
    assert partly.notes == [
        "the change of the weights is not part of the CUDA graph: operation not permitted when stream is capturing"
    ]


@pytest.mark.parametrize("draw", [random.random, lambda: torch.rand(()), lambda: np.random.rand()])
def test_a_step_that_draws_on_the_host_is_not_repeated(draw: Callable[[], object], graphed) -> None:
    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x.flatten(1)) * float(draw())

    graphed()
    used = context(Shifting())
    train(Moody(), used, epochs=2)
    assert FakeGraph.made == []
    assert used.notes == [
        "trained without a CUDA graph: the step draws random numbers on the host, which a graph would repeat"
    ]


def test_on_a_cpu_there_is_no_graph() -> None:
    step = TrainingStep(nn.Linear(1, 1), Training().of("teacher"), lambda batch, outputs: outputs.sum())
    feed = HostFeed(Shifting())  # type: ignore[arg-type]
    assert isinstance(runner_for(step, feed, graph=True, on_note=print), EagerRunner)


@pytest.mark.gpu
@pytest.mark.parametrize("task", [Shifting, Resident, Noisy])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"optimizer": {"name": "sgd", "momentum": 0.9}, "learning_rate": 0.1, "weight_decay": 1e-4},
        {"optimizer": "rmsprop", "learning_rate": 1e-3, "weight_decay": 0},
        {"clip_norm": 0.1, "ema": 0.9, "accumulate": 2},
        {"precision": "bf16", "channels_last": True},
        {"precision": "fp16"},
    ],
    ids=["adamw", "sgd", "rmsprop", "clipped", "bf16", "fp16"],
)
def test_on_a_gpu_a_graph_learns_as_steps_do(task: type[Shifting], how: dict) -> None:
    on_gpu = replace(context(task(), **how), device=torch.device("cuda"))
    without = replace(on_gpu, training=on_gpu.training.model_copy(update={"cuda_graph": False}), notes=[])
    graph, eager = trained(on_gpu), trained(without)
    assert on_gpu.notes == without.notes == []
    for name in graph:
        torch.testing.assert_close(graph[name], eager[name], rtol=0.05, atol=0.02)


@pytest.mark.gpu
@pytest.mark.parametrize(("stage", "params"), STAGES.values(), ids=STAGES)
def test_on_a_gpu_every_stage_is_captured(stage: object, params: dict, tmp_path: Path) -> None:
    on_gpu, before = replace(context(Resident()), device=torch.device("cuda")), tmp_path / "teacher"
    before.mkdir()
    TrainTeacher().run(Path(), before, {}, on_gpu)
    network_after(stage, params, before, tmp_path / "out", on_gpu)
    assert on_gpu.notes == []


@pytest.mark.gpu
def test_on_a_gpu_a_step_that_waits_is_run_and_the_process_goes_on() -> None:
    class Waiting(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            out = super().forward(x.flatten(1))
            return out * 2 if out.sum().item() > 1e9 else out

    on_gpu = replace(context(Shifting()), device=torch.device("cuda"))
    train(Waiting(64, 2), on_gpu, epochs=2)
    assert on_gpu.notes == [
        "trained without a CUDA graph: the step waits for the GPU: a value of a tensor is read in Python"
    ]
    assert torch.rand(3, device="cuda").shape == (3,)
    trained(replace(on_gpu, notes=[]))


@pytest.mark.gpu
def test_on_a_gpu_a_capture_that_fails_does_not_poison_the_process() -> None:
    graph, x = CudaGraph(torch.cuda.graph_pool_handle()), torch.zeros(3, device="cuda")

    def waits() -> None:
        torch.rand(3, device="cuda")
        x.sum().item()

    with pytest.raises(RuntimeError), torch.cuda.stream(torch.cuda.Stream()):
        graph.capture(waits)
    torch.cuda.manual_seed(1)
    first = torch.rand(3, device="cuda")
    torch.cuda.manual_seed(1)
    assert torch.equal(first, torch.rand(3, device="cuda"))
    trained(replace(context(Shifting()), device=torch.device("cuda")))
