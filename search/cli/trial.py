"""``paredown trial``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.options import Config, Json, Overrides
from search.cli.output import err, out, print_json
from search.config.yaml_file import read_yaml
from search.study.workspace import Workspace
from spaces import InputError, Recipe

if TYPE_CHECKING:
    from pipelines import Evaluation

EXAMPLE = "paredown trial configs/digits.yaml out/recipe.yaml"


def trial(
    path: Config,
    recipe_path: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe's YAML file.", show_default=False)],
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Build and measure one recipe in this process, for debugging."""
    import platform

    import torch

    from pipelines.file_hash import sha256
    from pipelines.ledger import Ledger
    from search.planning.reading import read_sweep
    from search.reports.table import number
    from search.study.saved import sweep_evaluator

    steps = read_yaml(recipe_path)  # which is quick, and trying the task is not
    config, _ = read_sweep(path, overrides or ())
    recipe = Recipe.from_list([] if steps is None else steps, config.space.steps)
    # The number of threads changes the order of sums, and with it the last digits of trained weights.
    torch.set_num_threads(config.cluster.cpus_per_trial)
    evaluate = sweep_evaluator(config, Workspace.default())
    if elsewhere := dict.fromkeys(target.resource for _, target in config.targets if target.resource):
        offered = " and ".join(elsewhere)
        err().print(f"measured on this machine, and not where {offered} is offered", soft_wrap=True)
    with Ledger() as ledger:
        outcome = _traced(lambda: evaluate(recipe))
    file = evaluate.build(recipe).file
    files = {name: str(evaluate.build(recipe, target=name).file) for name in config.targets.named}
    if as_json:
        stages = [{"name": s.name, "seconds": s.seconds, "reused": s.reused} for s in outcome.stages]
        print_json(
            {
                "recipe": recipe.to_list(),
                "metrics": dict(outcome.measurement.metrics),
                "intervals": dict(outcome.measurement.intervals),
                "notes": dict(outcome.measurement.notes),
                "seconds": dict(ledger.seconds),
                "node": platform.node(),
                "stages": stages,
                "file": str(file),
                "sha256": sha256(file),
                **({"files": files} if files else {}),
            }
        )
        return
    console = out()
    console.print(f"[bold]{recipe.label(config.space.steps)}[/bold]  {file}")
    console.print(f"  sha256: {sha256(file)}")
    for name, each in files.items():
        console.print(f"  for {name}: {each}", soft_wrap=True)
    for name, value in outcome.measurement.metrics.items():
        ends = outcome.measurement.intervals.get(name)
        console.print(f"  {name}: {number(value)}" + (f" ({number(ends[0])} to {number(ends[1])})" if ends else ""))
    for name, words in outcome.measurement.notes.items():
        console.print(f"  {name}: {words}", markup=False)
    for stage in outcome.stages:
        console.print(f"  stage {stage.name}: {stage.seconds:.2f} s{' (reused)' if stage.reused else ''}")
    console.print(f"  node: {platform.node()}", markup=False)
    spent = (f"{account.replace('_', ' ')} {seconds:.2f} s" for account, seconds in ledger.seconds.items())
    console.print(f"  spent now: {', '.join(spent)}", highlight=False)


def _traced(evaluate: Callable[[], Evaluation]) -> Evaluation:
    """Return what `evaluate` gives; of what is unexpected, show the traceback from the person's own code on.

    Raises:
        SweepError: something unexpected was raised.
    """
    import traceback

    from pipelines import TrialFailed
    from pipelines.tasks.fault import FAULTS, own_part, place
    from search.errors import SweepError, is_full, unusable

    try:
        return evaluate()
    except (TrialFailed, InputError, SweepError):
        raise
    except FAULTS as error:
        is_state = isinstance(error, OSError) and not place(error) and unusable(error, Workspace.default().root)
        if is_full(error) or is_state:
            raise
        lines = traceback.format_exception(type(error), error, own_part(error), chain=False)
        err().print("".join(lines).rstrip(), markup=False, soft_wrap=True)
        raise SweepError(f"the recipe failed: {type(error).__name__}; where it was raised is above") from error
