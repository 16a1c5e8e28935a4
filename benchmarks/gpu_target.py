"""Networks on a GPU: each runtime and precision beside plain PyTorch, and how far to trust ratios under load.

The table: random networks (timm's ResNet-50, MobileNetV3-L and ViT-S and a BERT where timm and transformers are
installed, CIFAR-sized ResNets otherwise), exported by Paredown's formats, changed by its schemes and measured by the
process that measures trials. Beside them stand PyTorch as it is, and in a CUDA graph, on the host's clock, in a process
for each network and batch, always in this order. "latency" is the metric `latency_ms`: the GPU's time by events around
a replay for the runtime `torch`, the host's for `onnxruntime`; "host" is `latency_wall_p50_ms` for all.

With ``--fidelity`` the `latency_ratio` of ResNets to the widest of them is measured twice: with the GPU idle, and while
other processes train on it that give way as trials do; and in the naive way, as the mean of 20 calls between CUDA
events beside those trainings. Told are rank correlation and error against the idle GPU, and what giving way cost.

    python benchmarks/gpu_target.py --quick
    python benchmarks/gpu_target.py --json table.json
    python benchmarks/gpu_target.py --fidelity --trainers 3
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.formats import FORMATS, format_of
from pipelines.gpu import Gpu, lease_name
from pipelines.lease import Lease
from pipelines.meters import METRICS, Candidate, Measurement
from pipelines.quantizers import QUANTIZERS, Calibration
from pipelines.runtimes import RUNTIMES, Artifact, Target
from pipelines.stages.quantize import QUANTIZE
from pipelines.store import Store
from pipelines.suitability import device_problem
from spaces import Recipe

ROWS = (
    ("onnxruntime", "none"),
    ("onnxruntime", "fp16"),
    ("onnxruntime", "static-int8"),
    ("torch", "none"),
    ("torch", "tf32"),
    ("torch", "fp16"),
    ("torch", "bf16"),
)
SHOWN = ("latency_ms", "latency_wall_p50_ms", "throughput", "gpu_memory_mb", "energy_mj")
CALLS = 100
"""Timed calls of plain PyTorch; their median counts."""

Example = tuple[Tensor, ...]


class Block(nn.Module):
    """Two convolutions and a shortcut (K. He et al., "Deep Residual Learning for Image Recognition", 2016)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))
        same = before == width and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return torch.relu(self.second(self.first(x)) + self.shortcut(x))


def cifar_resnet(blocks: int, width: int) -> nn.Module:
    """A ResNet for images of 32×32 with `blocks` blocks in each of three stages."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    before = width
    for stage in range(3):
        for block in range(blocks):
            layers.append(Block(before, width * 2**stage, 2 if stage and not block else 1))
            before = width * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10)).eval()


def timm_network(name: str) -> tuple[nn.Module, Example]:
    import timm

    return timm.create_model(name, pretrained=False).eval(), (torch.rand(1, 3, 224, 224),)


def bert() -> tuple[nn.Module, Example]:
    from transformers import BertConfig, BertForSequenceClassification

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = BertForSequenceClassification(BertConfig())

        def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
            return self.bert(input_ids=tokens, attention_mask=mask).logits

    return Logits().eval(), (torch.randint(0, 30_000, (1, 128)), torch.ones(1, 128, dtype=torch.int64))


def image32() -> Example:
    return (torch.rand(1, 3, 32, 32),)


NETWORKS: dict[str, Callable[[], tuple[nn.Module, Example]]] = {
    "ResNet-20 32²": lambda: (cifar_resnet(3, 16), image32()),
    "ResNet-56 wide 32²": lambda: (cifar_resnet(9, 32), image32()),
    "ResNet-50": lambda: timm_network("resnet50"),
    "MobileNetV3-L": lambda: timm_network("mobilenetv3_large_100"),
    "ViT-S/16": lambda: timm_network("vit_small_patch16_224"),
    "BERT-base": bert,
}
SMALL, LARGE = list(NETWORKS)[:2], list(NETWORKS)[2:]


def networks(quick: bool) -> list[str]:
    """The names of those that can be made here."""
    if quick:
        return SMALL[:1]
    found = []
    for name in LARGE:
        try:
            NETWORKS[name]()
        except Exception as error:  # whatever a package that does not fit the others raises
            print(f"{name} is left out: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        found.append(name)
    return found or SMALL


def several(example: Example, batch: int) -> Example:
    return tuple(x.expand(batch, *x.shape[1:]).contiguous() for x in example)


def files(network: nn.Module, example: Example, folder: Path, rows: tuple[tuple[str, str], ...]) -> Iterator[Any]:
    """The packed file of each row, or why there is none."""
    exported: dict[str, Path] = {}
    for runtime, scheme in rows:
        written = format_of(runtime)
        own = folder / f"{runtime}-{scheme}"
        own.mkdir()
        try:
            if written.name not in exported:
                plain = folder / written.file
                written.export(network, example, plain)
                exported[written.name] = plain
            file = exported[written.name]
            if scheme != "none":
                prepared, changed = own / f"prepared-{written.file}", own / f"changed-{written.file}"
                written.prepare(file, prepared)
                params = dict(Recipe.from_list([{"quantize": {"scheme": scheme}}], (QUANTIZE,)).steps[0].params)
                QUANTIZERS[scheme].quantize(prepared, changed, Calibration(lambda: [several(example, 8)]), params)
                file = changed
            written.pack(file, own / written.file)
            yield runtime, scheme, Artifact(own / written.file, written.name), ""
        except TrialFailed as error:
            yield runtime, scheme, None, error.reason


def table(args: argparse.Namespace) -> list[dict[str, Any]]:
    rows = [row for row in ROWS if not (args.device == "cpu" and row[1] == "tf32")]
    for runtime in sorted({runtime for runtime, _ in rows}):
        if problem := device_problem(Target(runtime, args.device)):
            print(f"left out: {problem}", file=sys.stderr)
            rows = [row for row in rows if row[0] != runtime]
    found: list[dict[str, Any]] = []
    cells = "".join(f"{name:>12}" for name in ("latency", "host", "examples/s", "GPU MB", "mJ"))
    print(f"{'network':<20}{'batch':>4}  {'runtime':<12}{'precision':<12}{cells}  milliseconds by both clocks")
    for name in args.networks or networks(args.quick):
        network, example = NETWORKS[name]()
        with tempfile.TemporaryDirectory() as folder:
            made = list(files(network, example, Path(folder), tuple(rows)))
            for batch in args.batches:
                found += eager_rows(name, batch, args.device)
                for runtime, scheme, artifact, reason in made:
                    found.append({"network": name, "batch": batch, "runtime": runtime, "precision": scheme})
                    found[-1] |= (
                        measured(artifact, runtime, example, batch, args.device) if artifact else {"failed": reason}
                    )
                    print(line(found[-1]), flush=True)
    return found


def measured(artifact: Artifact, runtime: str, example: Example, batch: int, device: str) -> dict[str, Any]:
    target, began = Target(runtime, device, batch), time.perf_counter()
    try:
        found = running(artifact, artifact, example, target, Lease(lease_name(target)))
    except TrialFailed as error:
        return {"failed": error.reason}
    numbers = {name: found.metrics[name] for name in SHOWN if name in found.metrics}
    return {**numbers, "notes": dict(found.notes), "seconds": time.perf_counter() - began}


def running(artifact: Artifact, reference: Artifact, example: Example, target: Target, lease: Lease) -> Measurement:
    """What the process that measures finds out of `artifact`, beside `reference`."""
    task: Any = SimpleNamespace(example_input=lambda: example if len(example) > 1 else example[0])
    store = Store(artifact.path.parent)
    return Candidate(artifact, reference, reference, task, target, store, lease=lease).running(
        METRICS.values(), "latency."
    )


def line(row: dict[str, Any]) -> str:
    head = f"{row['network']:<20}{row['batch']:>4}  {row['runtime']:<12}{row['precision']:<12}"
    if "failed" in row:
        return f"{head} failed: {row['failed'][:200]}"
    cells = "".join(f"{row[name]:>12.4g}" if name in row else f"{'–':>12}" for name in SHOWN)
    said = [row.get("notes", {}).get(name, "") for name in ("latency.graph", "latency.compile", "latency.noise")]
    return f"{head}{cells}  {'; '.join(filter(None, said))}"


def eager_rows(name: str, batch: int, device: str) -> list[dict[str, Any]]:
    """PyTorch as it is, in a process of its own: what fails there spoils nothing else."""
    done = subprocess.run(
        [sys.executable, __file__, "--eager", name, "--batches", str(batch), "--device", device],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        failed = {"failed": done.stderr.strip().splitlines()[-1]}
        return [{"network": name, "batch": batch, "runtime": "eager", "precision": "all", **failed}]
    rows = [{"network": name, "batch": batch, **row} for row in json.loads(done.stdout.splitlines()[-1])]
    for row in rows:
        print(line(row), flush=True)
    return rows


def eager(name: str, batch: int, device: str) -> list[dict[str, Any]]:
    """The host's time of a call until its output is there, in float32, TF32 and fp16, each also in a CUDA graph."""
    network, example = NETWORKS[name]()
    network.to(device)
    inputs = tuple(x.to(device) for x in several(example, batch))
    rows = []
    precisions = ("fp32", "tf32", "fp16") if device == "cuda" else ("fp32",)
    for precision in precisions:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        if precision == "fp16":
            network.half()
            inputs = tuple(x.half() if x.is_floating_point() else x for x in inputs)
        with torch.no_grad():
            for way, call in ways(network, inputs, device).items():
                times = [timed(call, device) for _ in range(CALLS + 10)][10:]
                rows.append({"runtime": way, "precision": precision, "latency_wall_p50_ms": float(np.median(times))})
    return rows


def ways(network: nn.Module, inputs: Example, device: str) -> dict[str, Callable[[], Any]]:
    def call() -> Tensor:
        return network(*inputs)

    return {"eager": call, **({"eager+graph": captured(call)} if device == "cuda" else {})}


def captured(call: Callable[[], Any]) -> Callable[[], Any]:
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def timed(call: Callable[[], Any], device: str) -> float:
    began = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - began) * 1e3


def ladder(quick: bool) -> list[tuple[int, int]]:
    """Blocks and widths of networks of different speed, the slowest first: it stands for the teacher."""
    all_of_them = [(9, 64), (9, 32), (5, 64), (5, 32), (3, 64), (3, 32), (3, 16), (2, 32), (1, 64), (1, 16)]
    return all_of_them[::2] if quick else all_of_them


def fidelity(args: argparse.Namespace) -> dict[str, Any]:
    target = Target(args.runtime, args.device, args.batches[-1])
    if problem := device_problem(target):
        raise SystemExit(problem)
    written, shapes = format_of(args.runtime), ladder(args.quick)
    with tempfile.TemporaryDirectory() as name:
        artifacts = []
        for blocks, width in shapes:
            folder = Path(name) / f"{blocks}-{width}"
            folder.mkdir()
            written.export(cifar_resnet(blocks, width), image32(), folder / written.file)
            artifacts.append(Artifact(folder / written.file, written.name))

        def ratios() -> tuple[list[float], float]:
            lease, found = Lease(lease_name(target)), []
            for artifact in artifacts:
                found.append(running(artifact, artifacts[0], image32(), target, lease).metrics["latency_ratio"])
            return found, lease.alone_s

        idle, _ = ratios()
        again, _ = ratios()
        naive_idle = naive(shapes, target)
        with trainings(args, target) as others:
            undisturbed = rates(others, args.seconds)
            naive_load = naive(shapes, target)
            began = time.perf_counter()
            load, alone_s = ratios()
            spent_s = time.perf_counter() - began
            disturbed = rates(others, 0.0)
    kept = np.mean([after / before for before, after in zip(undisturbed, disturbed, strict=True)])
    report = {
        "device": Gpu.visible().name if args.device == "cuda" else "cpu",
        "target": str(target),
        "networks": len(shapes),
        "latency_ratio, idle again": agreement(idle, again),
        f"latency_ratio, beside {args.trainers} trainings": agreement(idle, load),
        "mean between events, beside them": agreement(naive_idle, naive_load),
        "device alone, share of the time": alone_s / spent_s,
        "steps that trainings kept while others measured": float(kept),
    }
    print(json.dumps(report, indent=1))
    return report


def agreement(truth: list[float], found: list[float]) -> dict[str, float]:
    errors = np.abs(np.array(found[1:]) / np.array(truth[1:]) - 1)  # the first is the reference itself
    rank = stats.spearmanr(truth, found).statistic
    return {"spearman": float(rank), "median_error": float(np.median(errors)), "largest_error": float(errors.max())}


def naive(shapes: list[tuple[int, int]], target: Target) -> list[float]:
    """The mean of 20 calls of each network relative to the first one's, between events around plain launches."""
    means, device = [], target.device
    (images,) = several(image32(), target.batch)
    for blocks, width in shapes:
        network = cifar_resnet(blocks, width).to(device)
        with torch.no_grad():
            for _ in range(10):
                network(images.to(device))
            if device == "cuda":
                events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
                events[0].record()
                for _ in range(20):
                    network(images.to(device))
                events[1].record()
                torch.cuda.synchronize()
                means.append(events[0].elapsed_time(events[1]) / 20)
            else:
                means.append(float(np.mean([timed(lambda: network(images), device) for _ in range(20)])))  # noqa: B023
    return [mean / means[0] for mean in means]


class trainings:  # noqa: N801 - it reads as a statement
    """Processes that train on the target's GPU as trials do: they give way to whoever measures."""

    def __init__(self, args: argparse.Namespace, target: Target) -> None:
        self._command = [sys.executable, __file__, "--train", lease_name(target), "--device", target.device]
        self._count, self._running = args.trainers, list[subprocess.Popen[str]]()

    def __enter__(self) -> list[subprocess.Popen[str]]:
        for _ in range(self._count):
            self._running.append(
                subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        for process in self._running:
            process.stdout.readline()  # type: ignore[union-attr]
        return self._running

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.kill()
            process.wait()


def rates(running: list[subprocess.Popen[str]], seconds: float) -> list[float]:
    """Steps per second of each training since it was asked last, after `seconds` more."""
    if seconds:
        ask(running)
        time.sleep(seconds)
    return ask(running)


def ask(running: list[subprocess.Popen[str]]) -> list[float]:
    for process in running:
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    return [float(process.stdout.readline()) for process in running]  # type: ignore[union-attr]


def train(lease_of: str, device: str) -> None:
    """Train until the end; for each line that comes in, say how many steps per second there were since the last one."""
    import threading

    network, lease = cifar_resnet(3, 16).to(device).train(), Lease(lease_of)
    optimizer, asked = torch.optim.SGD(network.parameters(), 0.1), threading.Semaphore(0)
    images, labels = torch.rand(128, 3, 32, 32, device=device), torch.randint(0, 10, (128,), device=device)

    def listen() -> None:
        for _ in sys.stdin:
            asked.release()

    threading.Thread(target=listen, daemon=True).start()
    steps, began = 0, time.perf_counter()
    with lease.shared():
        print("trains", flush=True)
        while True:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
            steps += 1
            lease.give_way(torch.cuda.synchronize if device == "cuda" else lambda: None)
            if asked.acquire(blocking=False):
                if device == "cuda":
                    torch.cuda.synchronize()
                print(steps / (time.perf_counter() - began), flush=True)
                steps, began = 0, time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small network, or half of those of --fidelity")
    parser.add_argument("--fidelity", action="store_true")
    parser.add_argument("--trainers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long trainings run undisturbed")
    parser.add_argument("--runtime", choices=list(RUNTIMES), default="torch", help="of --fidelity")
    parser.add_argument("--networks", nargs="*", choices=list(NETWORKS))
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 32])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu tries the script, and no more")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--eager", help=argparse.SUPPRESS)
    parser.add_argument("--train", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train:
        train(args.train, args.device)
    elif args.eager:
        print(json.dumps(eager(args.eager, args.batches[0], args.device)))
    else:
        assert set(FORMATS) >= {format_of(runtime).name for runtime, _ in ROWS}
        if args.device == "cuda":
            print(f"{Gpu.visible().name}, torch {torch.__version__}")
        found = fidelity(args) if args.fidelity else table(args)
        if args.json:
            args.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
