"""Several GPUs in one trial: how much faster they train one network together than one GPU does alone.

    python benchmarks/gpus_together.py --data FOLDER --gpus 2 --json gpus_together.json

The teacher's stage is run as a trial runs it, by the recipe of ``training_speed.py`` (SGD, crops and mirrors, bf16,
data on the GPUs), with batches of the same size in all, of which each GPU has its part. Told are examples per second in
the median epoch after the first, over the whole stage (the start of the further processes included), and the accuracy
on the test split with its 95 % interval.

``--tiny`` tries it out on a CPU, with two processes; that is no measurement.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, it does not find the project

from benchmarks.images import scaled
from benchmarks.training_speed import Clock, Setting, recipe
from pipelines import Training
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.stages import TrainTeacher
from pipelines.stages.together import run_stage
from pipelines.tasks.task import load_task
from pipelines.training.context import Context

TASK = "benchmarks.images:Images"


def measure(setting: Setting, processes: int) -> dict[str, Any]:
    """Train with so many processes; returns speeds in examples per second, the accuracy, and what was noted."""
    args = {
        "data": setting.data,
        "network": setting.network,
        "batch_size": setting.batch,
        "examples": setting.examples,
    }
    task: Any = load_task(TASK, args)
    how = {"precision": "bf16", "channels_last": True}
    training, clock = Training(teacher_epochs=setting.epochs, **recipe(setting), **how), Clock(setting.device)
    device = torch.device(setting.device)
    context = Context(task, "", training, 0, device, trajectory=clock, use=TASK, args=args, processes=processes)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        run_stage(TrainTeacher(), Path(), Path(folder), {}, context)
        whole_s = time.perf_counter() - begun
        model = Checkpoint.load(Path(folder), task).model.to(device)
    count = len(task.data["train"][1])
    epochs = [later - earlier for earlier, later in pairwise(clock.times)]
    x, y = task.data["test"]
    with torch.no_grad():
        parts = zip(x.split(1_000), y.split(1_000), strict=True)
        right = [(model(scaled(part.to(device))).argmax(1).cpu() == label).float() for part, label in parts]
    share = float(torch.cat(right).mean())
    return {
        "processes": processes,
        "steady": count / statistics.median(epochs[1:] or epochs),
        "whole": count * setting.epochs / whole_s,
        "accuracy": share,
        "interval": 1.96 * math.sqrt(share * (1 - share) / len(y)),
        "notes": context.notes,
    }


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="a folder or .npz file of images; noise, when absent")
    parser.add_argument("--networks", nargs="*", default=["resnet18", "resnet20"])
    parser.add_argument("--gpus", type=int, default=2, help="GPUs of one trial (default: 2)")
    parser.add_argument("--epochs", type=int, default=8, help="passes (default: 8)")
    parser.add_argument("--examples", type=int, default=50_000, help="images at most (default: 50,000)")
    parser.add_argument("--batch", type=int, nargs="*", default=[256, 1024], help="examples per batch, in all")
    parser.add_argument("--tiny", action="store_true", help="try it out: a tiny network, noise, the CPU")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    args = parser.parse_args()
    console = Console(width=120)
    device = "cuda" if torch.cuda.is_available() and not args.tiny else "cpu"
    if not args.tiny and torch.cuda.device_count() < args.gpus:
        console.print(f"there are {torch.cuda.device_count()} GPUs; --tiny tries the benchmark out on a CPU")
        return 2
    if args.tiny:
        args.networks, args.epochs, args.examples, args.batch = ["tiny"], 2, 140, [32]
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    table = Table("network", "batch", "processes", "steady / s", "× one", "whole / s", "test accuracy", title=name)
    figures: list[dict[str, Any]] = []
    for network in args.networks:
        for batch in args.batch:
            setting = Setting(network, args.data, args.examples, batch, args.epochs, device)
            found = [measure(setting, processes) for processes in (1, args.gpus)]
            figures += [{"network": network, "batch": batch, **each} for each in found]
            for each in found:
                speeds = f"{each['steady']:,.0f}", f"{each['steady'] / found[0]['steady']:.2f}", f"{each['whole']:,.0f}"
                told = f"{each['accuracy']:.4f} ±{each['interval']:.4f}"
                table.add_row(network, str(batch), str(each["processes"]), *speeds, told)
    console.print(table)
    if args.json:
        args.json.write_text(json.dumps({"device": name, "torch": torch.__version__, "rows": figures}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
