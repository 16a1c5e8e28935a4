r"""Orders of distillation, pruning and quantization-aware training, and where the teacher helps, at equal epochs.

    python benchmarks/orders.py --seeds 5
    python benchmarks/orders.py --use benchmarks.images:Images --arg data=FOLDER --arg network=resnet18 \
        --depth 1 --width 0.5 --epochs 60 20 40 40 --device cuda --seeds 3

All recipes end in an int8 file of the same structure within their group, and train for as many epochs after the
teacher: those without a student give its epochs to the fine-tuning. Told is the accuracy of the file on the test split,
the mean over seeds with its 95 % interval (Student's t), and the same for the difference from the group's first recipe
with the same seed, as all recipes of a seed share the teacher.

Question and schedule are those of arXiv 2604.04988, which finds pruning, then int8 QAT, then distillation within that
regime best: here, ``qat`` with the uncompressed teacher.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import t

from pipelines import RUNTIMES, STEPS, Evaluator, Store, Targets, Training, TrialFailed
from pipelines.meters import score_split
from spaces import InputError, Recipe

Steps = list[dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Plan:
    """What is common to all recipes.

    Attributes:
        ratio: Share of the channels that is pruned.
        depth: Of students.
        width: Of students, as a share of the full width.
        alpha: Weight of a teacher, where there is one.
        temperature: How much it is softened.
        epochs: Of the teacher, and of a student, after a cut, and with rounding.
    """

    ratio: float
    depth: int
    width: float
    alpha: float
    temperature: float
    epochs: tuple[int, int, int, int]

    def recipes(self) -> Mapping[str, Mapping[str, Steps]]:
        """The recipes by group and name; the first of each group is what the others are compared with."""
        taught = {"alpha": self.alpha, "temperature": self.temperature}
        ways = {"labels": {"alpha": 0}, "teacher": taught, "before": {**taught, "teacher": "before"}}
        student: dict[str, Any] = {"depth": self.depth, "width": self.width}

        def prune(who: str) -> dict[str, dict[str, Any]]:
            return {"prune": {"method": "channel", "ratio": self.ratio, **ways[who]}}

        def qat(who: str) -> dict[str, dict[str, Any]]:
            return {"quantize": {"scheme": "qat-int8", **ways[who]}}

        def distil(who: str) -> dict[str, dict[str, Any]]:
            return {"distil": {**student, **(taught if who == "teacher" else {"alpha": 0})}}

        return {
            "prune → qat": {
                "prune, qat": [prune("labels"), qat("labels")],
                "prune (teacher), qat": [prune("teacher"), qat("labels")],
                "prune, qat (teacher)": [prune("labels"), qat("teacher")],
                "prune, qat (network before)": [prune("labels"), qat("before")],
                "prune (teacher), qat (teacher)": [prune("teacher"), qat("teacher")],
            },
            "student": {
                "distil, prune, qat": [distil("teacher"), prune("labels"), qat("labels")],
                "student from labels, prune, qat": [distil("labels"), prune("labels"), qat("labels")],
                "distil, prune, qat (teacher)": [distil("teacher"), prune("labels"), qat("teacher")],
                "distil, prune (teacher), qat (teacher)": [distil("teacher"), prune("teacher"), qat("teacher")],
            },
            "student of a pruned teacher": {
                "prune, distil, qat": [prune("labels"), distil("teacher"), qat("labels")],
                "prune, distil, qat (teacher)": [prune("labels"), distil("teacher"), qat("teacher")],
            },
        }

    def training(self, group: str, how: Mapping[str, Any]) -> Training:
        """The epochs of a group's recipes, which are as many in all groups."""
        teacher, student, finetune, qat = self.epochs
        if group == "prune → qat":
            student, finetune = 0, student + finetune
        return Training(teacher_epochs=teacher, student_epochs=student, finetune_epochs=finetune, qat_epochs=qat, **how)


def accuracy(steps: Steps, evaluator: Evaluator) -> float:
    """Build the file and return its accuracy on the test split."""
    built = evaluator.build(Recipe.from_list(steps, STEPS))
    session = RUNTIMES[evaluator.targets.first.runtime].load(built.artifact, evaluator.targets.first)
    return score_split(session, evaluator.task, "test").accuracy


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half of its 95 % interval; that of one value is infinite."""
    if len(values) < 2:
        return values[0], math.inf
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    return float(np.mean(values)), float(half)


def report(found: Mapping[str, Mapping[str, Sequence[float]]], console: Console) -> dict[str, Any]:
    """Print the table, and return its figures."""
    table = Table("group", "recipe", "test accuracy", "difference from the first")
    figures: dict[str, Any] = {}
    for group, by_recipe in found.items():
        first = next(iter(by_recipe.values()), [])
        for name, values in by_recipe.items():
            mean, half = interval(values)
            gains = [own - other for own, other in zip(values, first, strict=True)]
            gain, spread = interval(gains)
            told = "" if values is first else f"{gain:+.4f} ±{spread:.4f}"
            table.add_row(group, name, f"{mean:.4f} ±{half:.4f}", told)
            figures[name] = {"accuracy": list(values), "mean": mean, "half": half, "gain": gain, "gain_half": spread}
    console.print(table)
    return figures


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--use", default="digits", help="the task (default: digits)")
    parser.add_argument("--arg", action="append", default=[], help="name=value, for the task; may be repeated")
    parser.add_argument("--ratio", type=float, default=0.5, help="share of the channels to prune (default: 0.5)")
    parser.add_argument("--depth", type=int, default=2, help="of students (default: 2)")
    parser.add_argument("--width", type=float, default=0.5, help="of students (default: 0.5)")
    parser.add_argument("--alpha", type=float, default=0.5, help="weight of the teacher (default: 0.5)")
    parser.add_argument("--temperature", type=float, default=4, help="(default: 4)")
    parser.add_argument("--epochs", type=int, nargs=4, default=[20, 8, 6, 6], help="teacher, student, finetune, qat")
    parser.add_argument("--how", default="{}", help='more of training: as JSON, such as \'{"precision": "bf16"}\'')
    parser.add_argument("--device", default="cpu", help="where to train (default: cpu)")
    parser.add_argument("--seeds", type=int, default=5, help="how many (default: 5)")
    parser.add_argument("--only", nargs="*", help="groups; all, when absent")
    parser.add_argument("--store", type=Path, help="keep stages in this folder, to go on after an interruption")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    args = parser.parse_args()
    console, started = Console(width=140), time.monotonic()
    plan = Plan(args.ratio, args.depth, args.width, args.alpha, args.temperature, tuple(args.epochs))
    task = {name: int(value) if value.isdigit() else value for name, _, value in (a.partition("=") for a in args.arg)}
    torch.set_num_threads(1)
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(args.store or Path(scratch))
        for seed in range(args.seeds):
            for group, recipes in plan.recipes().items():
                if args.only and group not in args.only:
                    continue
                training = plan.training(group, json.loads(args.how))
                evaluator = Evaluator(args.use, training, Targets(), seed, store, args=task, device=args.device)
                for name, steps in recipes.items():
                    try:
                        value = accuracy(steps, evaluator)
                    except (InputError, TrialFailed) as error:
                        console.print(f"{name}: {error}")
                        return 1
                    found.setdefault(group, {}).setdefault(name, []).append(value)
                    print(f"seed {seed}: {name}: {value:.4f}", file=sys.stderr, flush=True)
    figures = report(found, console)
    console.print(f"{args.use}, epochs {args.epochs}, {args.seeds} seeds, {time.monotonic() - started:.0f} s")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
