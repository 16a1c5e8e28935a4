"""The matrix of architectures and techniques: what Paredown makes of each small network with random weights.

Each architecture is tried in a process of its own. A cell is what `paredown validate` says of the technique and, where
it says valid, what becomes of it in a trial without training:

- ``ok 0.55 0.61 0.98``: size and latency as shares of the fp32 file's, and the share of examples with the same answer;
  of quantized files the table has instead how far the power of outputs is above that of their error, in dB;
- ``refused: reason``: `validate` told beforehand that the technique cannot work there;
- ``FAILED: reason``: it said valid, and the trial failed. There should be none.

Latency is processor time on one thread, fp32 file and candidate in turns, as the ratio of the 10th percentiles; the
answers of a pruned network that is not trained are not expected to stay. Results are kept in a folder, so that a run
goes on where it ended; --again tries cells anew. timm and transformers have to be installed.

    python benchmarks/zoo.py --folder zoo
    python benchmarks/zoo.py --folder zoo --networks vit_tiny* bert --techniques heads static-int8 --again
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from benchmarks.turns import call_seconds
from benchmarks.zoo_networks import NETWORKS
from pipelines import RUNTIMES, STEPS, Evaluator, Store, Target, Targets, Training, TrialFailed
from pipelines.pruners import PRUNERS
from pipelines.quantizers import QUANTIZERS
from pipelines.runtimes import Artifact, Session, to_feed
from pipelines.suitability import scheme_problem
from pipelines.tasks.batches import batches_of
from search.planning.reading import read_sweep
from spaces import InputError, Problem, Recipe

RATIO = 0.5
UNTRAINED = {"teacher_epochs": 0, "student_epochs": 0, "finetune_epochs": 0, "qat_epochs": 0}

PARAMS: Mapping[str, dict[str, Any]] = {"n:m": {"pattern": "2:4"}}
"""What pruners are told that have no ratio."""

Cell = dict[str, Any]


def techniques(runtime: str) -> list[str]:
    """The pruners, and the quantizers that make files for `runtime`."""
    return [*PRUNERS, *(name for name in QUANTIZERS if scheme_problem(name, Target(runtime)) is None)]


def recipe_of(technique: str) -> list[dict[str, Any]]:
    """The recipe of one technique alone."""
    if technique in PRUNERS:
        return [{"prune": {"method": technique, **PARAMS.get(technique, {"ratio": RATIO})}}]
    return [{"quantize": {"scheme": technique}}]


def refusals(name: str, wanted: Sequence[str], runtime: str, folder: Path) -> dict[str, str]:
    """The reason for which `paredown validate` refuses techniques for the network: all of them in one sweep."""
    pruners, schemes = ([one for one in wanted if one in kind] for kind in (PRUNERS, QUANTIZERS))
    told = {key: [value] for each in pruners for key, value in PARAMS.get(each, {"ratio": RATIO}).items()}
    sweep = {
        "sweep": "zoo",
        "task": {"use": "benchmarks.zoo_networks:Zoo", "args": {"name": name}},
        "space": {
            **({"pruning": {"method": ["none", *pruners], **told}} if pruners else {}),
            **({"quantization": {"scheme": ["none", *schemes]}} if schemes else {}),
        },
        "objectives": {"accuracy": "maximize", "size_mb": "minimize", "latency_ms": "minimize"},
        "training": UNTRAINED,
        "target": {"runtime": runtime},
        "search": {"trials": 2},
    }
    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump(sweep), encoding="utf-8")
    try:
        read_sweep(file, here=True)
    except InputError as error:
        return dict(reason for problem in error.problems for reason in _by_technique(problem, wanted))
    return {}


def _by_technique(problem: Problem, wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What `problem` says of the technique whose name it begins with; of all techniques if it is about none."""
    named, _, reason = problem.message.partition(": ")
    if problem.where in ("space.pruning.method", "space.quantization.scheme") and named in wanted:
        yield named, reason.removesuffix("; take it out of the axis")
    else:
        for technique in wanted:
            yield technique, f"{problem.where}: {problem.message}"


def cell(technique: str, evaluator: Evaluator) -> Cell:
    """One cell of the matrix, of a technique that is not refused, as plain data with a ``status``."""
    begin = time.monotonic()
    try:
        before = evaluator.build(Recipe())
        after = evaluator.build(Recipe.from_list(recipe_of(technique), STEPS))
        found = compared(before.artifact, after.artifact, evaluator)
    except TrialFailed as error:
        return {"status": "FAILED", "reason": error.reason, "seconds": time.monotonic() - begin}
    except Exception as error:  # a raw error is what this looks for
        return {"status": "FAILED", "reason": f"{type(error).__name__}: {error}", "seconds": time.monotonic() - begin}
    notes = [stage.note for stage in after.stages if stage.note]
    return {"status": "ok", **found, "notes": notes, "seconds": time.monotonic() - begin}


def compared(before: Artifact, after: Artifact, evaluator: Evaluator) -> Cell:
    """Size, latency and answers of `after`, relative to those of `before`."""
    runtime = RUNTIMES[evaluator.targets.first.runtime]
    sessions = [runtime.load(artifact, evaluator.targets.first) for artifact in (before, after)]
    one = to_feed(evaluator.task.example_input())
    took = call_seconds(
        {name: partial(session.run, one) for name, session in zip(("old", "new"), sessions, strict=True)}
    )
    expected, got = (answers(session, evaluator.task) for session in sessions)
    noise = float(np.square(got - expected).sum())
    axis = -1 if expected.ndim < 4 else 1
    return {
        "size": after.path.stat().st_size / before.path.stat().st_size,
        "latency": took["new"] / took["old"],
        "agreement": float((got.argmax(axis) == expected.argmax(axis)).mean()),
        "sqnr_db": 10 * float(np.log10(float(np.square(expected).sum()) / noise)) if noise else None,
    }


def answers(session: Session, task: Any) -> Any:
    """The outputs for the validation split."""
    return np.concatenate([session.run(to_feed(inputs)) for inputs, _ in batches_of(task, "validation")])


def try_network(name: str, wanted: Sequence[str], runtime: str, folder: Path, again: bool) -> None:
    """Fill the row of the network called `name` in ``folder/name.json``, cell by cell."""
    torch.set_num_threads(1)
    file = folder / f"{name}.json"
    row: dict[str, Cell] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    left = [technique for technique in wanted if again or technique not in row]
    if not left:
        return
    with tempfile.TemporaryDirectory() as scratch:
        begin = time.monotonic()
        refused = refusals(name, left, runtime, Path(scratch))
        print(f"{name}: validated in {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        evaluator = Evaluator(
            "benchmarks.zoo_networks:Zoo", Training(**UNTRAINED), Targets.only(Target(runtime)), 0,
            Store(Path(scratch, "store")), {"name": name}, "cpu",
        )  # fmt: skip
        for technique in left:
            reason = refused.get(technique)
            row[technique] = {"status": "refused", "reason": reason} if reason else cell(technique, evaluator)
            file.write_text(json.dumps(row, indent=1), encoding="utf-8")
            print(f"{name} {technique}: {shown(row[technique], 300)}", file=sys.stderr, flush=True)


def shown(found: Cell, longest: int = 60, *, in_db: bool = False) -> str:
    """A cell in words."""
    if found["status"] == "ok":
        same = f"{found['agreement']:.2f}"
        if in_db:
            same = "∞" if found["sqnr_db"] is None else f"{found['sqnr_db']:.0f}"
        return f"ok {found['size']:.2f} {found['latency']:.2f} {same}"
    return f"{found['status']}: {found['reason']}"[:longest].replace("|", "/")


def table(folder: Path, networks: Sequence[str], wanted: Sequence[str]) -> str:
    """The matrix in Markdown, the number of cells of each status, and the reasons, each with its cells."""
    lines = [f"| network | {' | '.join(wanted)} |", "|---" * (len(wanted) + 1) + "|"]
    counts = dict.fromkeys(("ok", "refused", "FAILED", "not tried"), 0)
    reasons: dict[str, dict[str, list[str]]] = {}
    for name in networks:
        file = folder / f"{name}.json"
        row: dict[str, Cell] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        cells = []
        for technique in wanted:
            found = row.get(technique)
            status = str(found["status"]) if found else "not tried"
            counts[status] += 1
            told = "" if found is None else shown(found, in_db=technique in QUANTIZERS)
            cells.append(told.removeprefix("ok ") if status == "ok" else status if found else "")
            if found and status != "ok":
                reasons.setdefault(f"{status}, {found['reason']}", {}).setdefault(technique, []).append(name)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count or status == "FAILED")
    lines += ["", f"{told}; ok cells: size, latency and agreement as shares of the fp32 file's; schemes: dB.", ""]
    for reason, by_technique in reasons.items():
        lines.append(f"- {reason}: " + "; ".join(f"{each} ({', '.join(of)})" for each, of in by_technique.items()))
    return "\n".join(lines)


def chosen(patterns: Sequence[str] | None, names: Sequence[str]) -> list[str]:
    """Those of `names` that one of `patterns` matches; all without patterns."""
    return [name for name in names if not patterns or any(fnmatch(name, pattern) for pattern in patterns)]


def main() -> int:
    """Run the benchmark; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where results are kept")
    parser.add_argument("--networks", nargs="*", metavar="PATTERN", help="which architectures (default: all)")
    parser.add_argument("--techniques", nargs="*", metavar="PATTERN", help="which techniques (default: all)")
    parser.add_argument("--runtime", default="onnxruntime", choices=list(RUNTIMES), help="what files are for")
    parser.add_argument("--again", action="store_true", help="try cells anew that were tried before")
    parser.add_argument("--table", action="store_true", help="only print what is in the folder")
    parser.add_argument("--limit", type=float, default=900, help="seconds for one architecture (default: 900)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    networks, wanted = chosen(args.networks, list(NETWORKS)), chosen(args.techniques, techniques(args.runtime))
    if not networks or not wanted:
        print(f"nothing matches; networks: {', '.join(NETWORKS)}; techniques: {', '.join(techniques(args.runtime))}")
        return 2
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.one:
        try_network(networks[0], wanted, args.runtime, args.folder, args.again)
        return 0
    for name in () if args.table else networks:
        command = [sys.executable, __file__, "--one", "--folder", str(args.folder), "--runtime", args.runtime]
        command += ["--networks", name, "--techniques", *wanted, *(["--again"] if args.again else [])]
        try:
            subprocess.run(command, check=False, timeout=args.limit)
        except subprocess.TimeoutExpired:
            print(f"{name}: not finished in {args.limit:g} s", file=sys.stderr)
    print(table(args.folder, networks, wanted))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(main())
