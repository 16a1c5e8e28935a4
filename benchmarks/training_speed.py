"""Speed of training: Paredown's loop as it was, as it is, and a script that an expert writes by hand.

    python benchmarks/training_speed.py --data FOLDER --json training_speed.json

For each network all contestants train by the same recipe: ResNets with SGD, Nesterov momentum, crops and mirrors, a
MiniLM-like encoder with AdamW on sequences of 64 tokens.

- **plain**: single precision, each operation started by Python, batches from the host: Paredown before it knew more;
- **paredown**: what ``training: {precision: bf16, channels_last: true}`` and a task with ``tensors`` give now: data and
  augmentation on the GPU, steps out of a CUDA graph;
- **expert**: a hand-written loop that does one thing only: the same in one graph, with nothing around it.

Told are examples per second in the median epoch after the first (`steady`) and over all of the training, what comes
before it included (`whole`), and the accuracy on the test split with its 95 % interval. With ``--processes`` the
contestants but the plain one also run as several processes on one GPU at once, whose speeds are added up.

On a CPU it is no measurement; ``--tiny`` tries every line out in seconds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, it does not find the project

from benchmarks.images import NETWORKS, HostImages, Images, crop_and_flip, resnet, scaled
from pipelines import Training
from pipelines.training.context import Context
from pipelines.training.loop import train
from pipelines.training.trajectory import Trajectory

WORDS, LENGTH = 4_000, 64
CONTESTANTS = ("plain", "paredown", "expert")


@dataclass(frozen=True)
class Setting:
    """One training.

    Attributes:
        network: ``resnet20``, ``resnet18``, ``minilm``, or ``tiny``.
        data: Where images are; see `benchmarks.images`.
        examples: At most so many.
        batch: Examples per batch.
        epochs: Passes.
        device: Where to train.
    """

    network: str
    data: str
    examples: int
    batch: int
    epochs: int
    device: str


@dataclass(frozen=True)
class Outcome:
    """What a contestant did.

    Attributes:
        steady: Examples per second in the median epoch after the first.
        whole: Examples per second over all.
        accuracy: On the test split; None if it was not taken.
        interval: Half of its 95 % interval.
        notes: What Paredown said.
    """

    steady: float
    whole: float
    accuracy: float | None = None
    interval: float | None = None
    notes: list[str] = field(default_factory=list)


class Encoder(nn.Module):
    """6 layers of width 384 over 64 tokens, as MiniLM has them."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.place = nn.Embedding(WORDS, 384), nn.Parameter(0.02 * torch.randn(LENGTH, 384))
        layer = nn.TransformerEncoderLayer(384, 12, 1536, 0.1, "gelu", batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False), nn.Linear(384, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (N, 10)."""
        return self.head(self.encoder(self.words(tokens) + self.place)[:, 0])  # type: ignore[no-any-return]


class Sentences:
    """Random words; the label is how often some of them come."""

    def __init__(self, batch_size: int, examples: int) -> None:
        generator = torch.Generator().manual_seed(0)
        x = torch.randint(0, WORDS, (examples, LENGTH), generator=generator)
        self.data, self.batch_size = (x, (x < WORDS // 12).sum(1).clamp(max=9)), batch_size

    def teacher(self) -> nn.Module:
        """The encoder."""
        return Encoder()

    def batches(self, split: str) -> Any:
        """Batches of tokens and labels."""
        x, y = self.data
        return ((x[rows], y[rows]) for rows in torch.randperm(len(y)).split(self.batch_size))


class ResidentSentences(Sentences):
    """The same as tensors."""

    def tensors(self, split: str) -> tuple[Tensor, Tensor]:
        """All of them."""
        return self.data


class Clock(Trajectory):
    """Notes when each epoch begins and the last one ends."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device, self.times = device, list[float]()

    def seed(self, epoch: int, phase: int | None = None) -> None:
        """See `Trajectory.seed`."""
        settle(self._device)
        self.times.append(time.perf_counter())
        super().seed(epoch, phase)


def settle(device: str) -> None:
    """Wait until the GPU is done."""
    if device == "cuda":
        torch.cuda.synchronize()


def recipe(setting: Setting) -> dict[str, Any]:
    """The recipe that all contestants train by."""
    if setting.network == "minilm":
        return {"optimizer": "adamw", "learning_rate": 3e-4, "weight_decay": 0.01}
    sgd = {"name": "sgd", "momentum": 0.9, "nesterov": True}
    rate = 0.1 * setting.batch / 128
    return {"optimizer": sgd, "learning_rate": min(1.0, rate), "weight_decay": 5e-4, "warmup_epochs": 1}


def by_loop(setting: Setting, *, fast: bool) -> tuple[nn.Module, Any, list[float], list[str]]:
    """Train with Paredown: as fast as it can, or as it did before."""
    if setting.network == "minilm":
        task: Any = (ResidentSentences if fast else Sentences)(setting.batch, setting.examples)
    else:
        task = (Images if fast else HostImages)(setting.data, setting.network, setting.batch, setting.examples)
    how = {"precision": "bf16", "channels_last": setting.network != "minilm"} if fast else {"cuda_graph": False}
    training = Training(teacher_epochs=setting.epochs, **recipe(setting), **how)
    clock = Clock(setting.device)
    context = Context(task, "", training, 0, torch.device(setting.device), trajectory=clock)
    torch.manual_seed(0)
    clock.times.append(time.perf_counter())
    model = train(task.teacher(), context, epochs=setting.epochs, kind="teacher")
    return model, task, clock.times, context.notes


def by_hand(setting: Setting) -> tuple[nn.Module, Any, list[float], list[str]]:
    """The expert's script: data on the device, bf16, channels last, the whole step in one graph, a fused optimizer."""
    how, device, on_gpu = recipe(setting), setting.device, setting.device == "cuda"
    torch.manual_seed(0)
    if setting.network == "minilm":
        task: Any = Sentences(setting.batch, setting.examples)
        (x, y), model = task.data, Encoder()
    else:
        task = Images(setting.data, setting.network, setting.batch, setting.examples)
        (x, y), model = task.data["train"], resnet(*NETWORKS[setting.network])
    times = [time.perf_counter()]
    x, y = x.to(device), y.to(device)
    model = model.to(device).train()
    if setting.network != "minilm":
        model = model.to(memory_format=torch.channels_last)
    rate: Any = torch.tensor(how["learning_rate"], device=device) if on_gpu else how["learning_rate"]
    decay = how["weight_decay"]
    optimizer: torch.optim.Optimizer
    if setting.network == "minilm":
        optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=decay, fused=on_gpu, capturable=on_gpu)
    else:
        optimizer = torch.optim.SGD(model.parameters(), rate, 0.9, nesterov=True, weight_decay=decay, fused=on_gpu)
    batch = min(setting.batch, len(y))
    steps = len(y) // batch
    total, warm = setting.epochs * steps, steps if "warmup_epochs" in how else 0
    rows = torch.arange(batch, device=device)

    def step() -> None:
        inputs = x[rows] if setting.network == "minilm" else crop_and_flip(x[rows])
        with torch.autocast(device, torch.bfloat16, cache_enabled=False):
            loss = functional.cross_entropy(model(inputs).float(), y[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    run, done = step, 0
    stream = torch.cuda.stream(torch.cuda.Stream()) if on_gpu else torch.autograd.set_grad_enabled(True)
    with stream:
        for _ in range(setting.epochs):
            settle(device)
            times.append(time.perf_counter())
            order = torch.randperm(len(y), device=device)[: steps * batch]  # the last smaller batch is left out
            for part in order.view(steps, batch):
                share = (1 + math.cos(math.pi * done / total)) / 2 * min(1.0, (done + 1) / warm if warm else 1.0)
                for group in optimizer.param_groups:
                    if on_gpu:
                        group["lr"].fill_(how["learning_rate"] * share)
                    else:
                        group["lr"] = how["learning_rate"] * share
                rows.copy_(part)
                if on_gpu and done == 3:
                    graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(graph):
                        step()
                    run = graph.replay
                run()
                done += 1
        settle(device)
    times.append(time.perf_counter())
    return model.to(memory_format=torch.contiguous_format).cpu().eval(), task, times, []


def compete(contestant: str, setting: Setting, accuracy: bool) -> Outcome:
    """Let one contestant train."""
    ways: Mapping[str, Callable[[], tuple[nn.Module, Any, list[float], list[str]]]] = {
        "plain": lambda: by_loop(setting, fast=False),
        "paredown": lambda: by_loop(setting, fast=True),
        "expert": lambda: by_hand(setting),
    }
    model, task, times, notes = ways[contestant]()
    count = len(task.data["train"][1]) if isinstance(task, Images) else len(task.data[1])
    if contestant == "expert":
        count -= count % min(setting.batch, count)
    begun, *marks = times
    epochs = [later - earlier for earlier, later in pairwise(marks)]
    steady = count / statistics.median(epochs[1:] or epochs)
    whole = count * setting.epochs / (marks[-1] - begun)
    if not accuracy or not isinstance(task, Images):
        return Outcome(steady, whole, notes=notes)
    x, y = task.data["test"]
    with torch.no_grad():
        model.to(setting.device)
        right = [
            (model(scaled(part.to(setting.device))).argmax(1).cpu() == label).float()
            for part, label in zip(x.split(1_000), y.split(1_000), strict=True)
        ]
    share = float(torch.cat(right).mean())
    return Outcome(steady, whole, share, 1.96 * math.sqrt(share * (1 - share) / len(y)), notes)


def one_of_many(contestant: str, setting: Setting, barrier: Any, results: Any) -> None:
    """Compete beside others that begin at the same time; tells the examples per second while all are at work."""
    torch.set_num_threads(1)
    if setting.device == "cuda":
        torch.zeros(1, device="cuda")
    barrier.wait()
    results.put(compete(contestant, setting, False).steady)


def together(contestant: str, setting: Setting, count: int) -> float:
    """The examples per second of `count` processes on one GPU, added up."""
    processes = get_context("spawn")
    barrier, results = processes.Barrier(count), processes.Queue()
    own = [processes.Process(target=one_of_many, args=(contestant, setting, barrier, results)) for _ in range(count)]
    for process in own:
        process.start()
    found = [results.get(timeout=300) for _ in own]
    for process in own:
        process.join()
    return float(sum(found))


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="a folder or .npz file of images; noise, when absent")
    parser.add_argument("--networks", nargs="*", default=["resnet20", "resnet18", "minilm"])
    parser.add_argument("--contestants", nargs="*", default=list(CONTESTANTS), choices=CONTESTANTS)
    parser.add_argument("--epochs", type=int, default=8, help="passes of ResNets (default: 8)")
    parser.add_argument("--examples", type=int, default=50_000, help="images at most (default: 50,000)")
    parser.add_argument("--batch", type=int, default=256, help="examples per batch (default: 256)")
    parser.add_argument("--processes", type=int, default=4, help="at once on the GPU, besides one (default: 4)")
    parser.add_argument("--tiny", action="store_true", help="try it out: a tiny network, noise, the CPU")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    args = parser.parse_args()
    console, started = Console(width=150), time.monotonic()
    device = "cuda" if torch.cuda.is_available() and not args.tiny else "cpu"
    if args.data and not Path(args.data).exists():
        console.print(f"{args.data} is missing: name a folder or an .npz file; see --help")
        return 2
    if device == "cpu" and not args.tiny:
        console.print("there is no GPU; --tiny tries the benchmark out on a CPU")
        return 2
    if args.tiny:
        args.networks, args.epochs, args.examples, args.batch, args.processes = ["tiny"], 2, 140, 32, 1
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    table = Table("network", "contestant", "steady / s", "whole / s", "of the expert's", "test accuracy", title=name)
    figures: dict[str, Any] = {"device": name, "torch": torch.__version__}
    for network in args.networks:
        is_text = network == "minilm"
        setting = Setting(
            network,
            args.data,
            8_192 if is_text else args.examples,
            128 if is_text else args.batch,
            3 if is_text else args.epochs,
            device,
        )
        found = {each: compete(each, setting, True) for each in args.contestants}
        for each, outcome in found.items():
            share = f"{outcome.steady / found['expert'].steady:.2f}" if "expert" in found else ""
            told = "" if outcome.accuracy is None else f"{outcome.accuracy:.4f} ±{outcome.interval:.4f}"
            table.add_row(network, each, f"{outcome.steady:,.0f}", f"{outcome.whole:,.0f}", share, told)
            for note in outcome.notes:
                table.add_row("", "", note)
        figures[network] = {each: asdict(outcome) for each, outcome in found.items()}
        if args.processes > 1:
            less = Setting(network, args.data, min(setting.examples, 10_000), setting.batch, 8, device)
            many = {each: together(each, less, args.processes) for each in args.contestants if each in CONTESTANTS[1:]}
            for each, speed in many.items():
                share = f"{speed / many['expert']:.2f}" if "expert" in many else ""
                table.add_row(network, f"{each} × {args.processes}", f"{speed:,.0f}", "", share, "")
            figures[network][f"{args.processes} processes"] = many
    console.print(table)
    console.print(f"{time.monotonic() - started:.0f} s")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
