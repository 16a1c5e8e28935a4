"""``paredown trial``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch

from pipelines import STEPS
from search.cli.output import out, print_json
from search.config.yaml_file import read_yaml
from search.planning.reading import read_sweep
from search.reports.table import number
from search.study.saved import sweep_evaluator
from search.study.workspace import Workspace
from spaces import Recipe


def trial(path: Path, recipe_path: Path, overrides: Sequence[str], as_json: bool) -> None:
    """See `search.cli.app.trial`."""
    config, _ = read_sweep(path, overrides)
    recipe = Recipe.from_list(read_yaml(recipe_path) or [], STEPS)
    # The number of threads changes the order of sums, and with it the last digits of trained weights.
    torch.set_num_threads(config.cluster.cpus_per_trial)
    evaluate = sweep_evaluator(config, Workspace.default())
    outcome = evaluate(recipe)
    file = evaluate.build(recipe).file
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    if as_json:
        stages = [{"name": s.name, "seconds": s.seconds, "reused": s.reused} for s in outcome.stages]
        print_json(
            {
                "recipe": recipe.to_list(),
                "metrics": dict(outcome.measurement.metrics),
                "intervals": dict(outcome.measurement.intervals),
                "notes": dict(outcome.measurement.notes),
                "seconds": dict(outcome.seconds),
                "stages": stages,
                "file": str(file),
                "sha256": sha256,
            }
        )
        return
    console = out()
    console.print(f"[bold]{recipe.label(STEPS)}[/bold]  {file}")
    console.print(f"  sha256: {sha256}")
    for name, value in outcome.measurement.metrics.items():
        ends = outcome.measurement.intervals.get(name)
        console.print(f"  {name}: {number(value)}" + (f" ({number(ends[0])} to {number(ends[1])})" if ends else ""))
    for name, words in outcome.measurement.notes.items():
        console.print(f"  {name}: {words}", markup=False)
    for stage in outcome.stages:
        console.print(f"  stage {stage.name}: {stage.seconds:.2f} s{' (reused)' if stage.reused else ''}")
