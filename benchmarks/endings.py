"""Count the sweeps that do not end as they should: with exit code 0 and a front.

Ray ends a process of its own accord if something of it is touched while it shuts down, which happens to about one sweep
in a hundred where nothing is done about it. So many short sweeps are run one after the other, each in a process of its
own, as from the command line:

    python benchmarks/endings.py --sweeps 200 --json endings.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

TASK = """
import torch
from torch import nn


class Dots:
    def __init__(self):
        inputs = torch.randn(96, 16, generator=torch.Generator().manual_seed(0))
        self.inputs, self.labels = inputs, inputs[:, :3].argmax(1)

    def teacher(self):
        return self.student(3)

    def student(self, depth):
        inner = [layer for _ in range(depth) for layer in (nn.Linear(16, 16), nn.ReLU())]
        return nn.Sequential(*inner, nn.Linear(16, 3))

    def batches(self, split):
        part = {"train": slice(48), "calibration": slice(16), "validation": slice(48, 72), "test": slice(72, 96)}[split]
        return [(self.inputs[part], self.labels[part])]

    def example_input(self):
        return self.inputs[:1]
"""

SWEEP: dict[str, Any] = {
    "task": {"use": "dots:Dots"},
    "space": {"student": {"depth": [1, 2]}, "quantization": {"scheme": ["none", "dynamic-int8"]}},
    "objectives": {"accuracy": "maximize", "size_mb": "minimize"},
    "training": {"teacher_epochs": 1, "student_epochs": 1, "finetune_epochs": 1},
    "search": {"trials": 2, "seed": 0, "remeasure": False},
    "tracking": {"experiment": "endings"},
}

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run the sweeps, say after each what came of it, and exit with 1 if one did not end well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--json", type=Path, help="where to write the numbers, anew after each sweep")
    options = parser.parse_args()
    ended: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="endings-") as folder:
        (Path(folder) / "dots.py").write_text(TASK, encoding="utf-8")
        for number in range(options.sweeps):
            ended.append(run(Path(folder), f"endings-{number}"))
            print(json.dumps(ended[-1]), flush=True)
            if options.json:
                options.json.write_text(json.dumps(summary(ended), indent=1), encoding="utf-8")
    print(json.dumps(summary(ended)))
    sys.exit(any(each["code"] or not each["front"] for each in ended))


def run(folder: Path, name: str) -> dict[str, Any]:
    """Run one sweep of two trials in `folder`.

    Returns:
        Its exit code, whether it printed its front, its seconds, and where it went wrong the end of what it said.
    """
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"sweep": name, **SWEEP}), encoding="utf-8")  # JSON is YAML
    environment = {**os.environ, "PAREDOWN_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    command = [sys.executable, "-m", "search.cli.app", "run", str(file), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    front = done.stdout.startswith("{") and bool(json.loads(done.stdout)["front"])
    said = "" if front and not done.returncode else done.stderr[-2000:]
    return {"sweep": name, "code": done.returncode, "front": front, "s": time.monotonic() - began, "said": said}


def summary(ended: list[dict[str, Any]]) -> dict[str, Any]:
    """How many sweeps were run, with which exit codes, and all that is known of those that did not end well."""
    bad = [each for each in ended if each["code"] or not each["front"]]
    codes = Counter(str(each["code"]) for each in ended)
    return {
        "sweeps": len(ended),
        "codes": dict(codes),
        "without a front": sum(not e["front"] for e in ended),
        "bad": bad,
    }


if __name__ == "__main__":
    main()
