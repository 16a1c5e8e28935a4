"""``paredown validate``."""

from __future__ import annotations

from search.cli.options import Config, Json, Overrides
from search.cli.output import err, out, print_json
from search.study.workspace import Workspace
from spaces import counted, listed

EXAMPLE = "paredown validate configs/digits.yaml -o search.trials=20"


def validate(
    path: Config,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Read everything, report all problems at once, and show what would run."""
    from search.planning.advice import warnings
    from search.planning.plan import rules_json
    from search.planning.reading import read_sweep
    from search.suggest.warm_start import earlier_sweeps

    config, task = read_sweep(path, overrides or ())
    earlier_sweeps(config, Workspace.default())
    size, rules, search = config.space.size(), config.space.ruled_out(), config.search
    chosen = [axis for axis in config.space.axes if len(axis.values) > 1]
    found = warnings(config, task)
    if as_json:
        axes = {axis.name: list(axis.values) for axis in chosen}
        ends = {"trials": search.trials, "budget": str(search.budget) if search.budget else None}
        data = {"sweep": config.sweep, "valid": True, "recipes": size, **ends, "axes": axes}
        print_json({**data, "rules": rules_json(rules), "warnings": found})
        return
    console = out()
    console.print(f"{path} is valid: sweep [bold]{config.sweep}[/bold], task {config.task.use}")
    recipes = counted(size, "distinct recipe")
    console.print(f"  {recipes}; {search.extent} with {search.sampler}, the first the teacher itself")
    meant = {parameter.name: parameter.help for step in config.space.steps for parameter in step.parameters}
    for axis in chosen:
        told = f" ({text})" if (text := meant.get(axis.name)) else ""
        console.print(f"  {axis.name}: {listed(axis.values)}{told}", markup=False, soft_wrap=True)
    for rule, count in rules.items():
        console.print(f"  without {counted(count, 'recipe')}: {rule}", markup=False, soft_wrap=True)
    for objective in config.objectives:
        console.print(f"  {objective.direction} {objective.name}")
    for constraint in config.constraints:
        console.print(f"  keep {constraint}")
    for warning in found:
        err().print(f"warning: {warning}", markup=False, soft_wrap=True)
