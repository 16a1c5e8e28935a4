"""From a recipe to the file that would ship: teacher → student → pruned → exported → quantized → packed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from pipelines.context import Context
from pipelines.stages import MODEL, STAGES, Export, Pack, Stage, TrainTeacher, Work
from pipelines.store import Store
from spaces import Params, Recipe, digest


@dataclass(frozen=True)
class StageRun:
    """What one stage of a recipe cost.

    Attributes:
        name: The stage.
        key: Its result's key in the store.
        seconds: How long it took, now or when it was first computed.
        reused: Whether the result was there already.
    """

    name: str
    key: str
    seconds: float
    reused: bool


@dataclass(frozen=True)
class Link:
    """One stage of a recipe's work, done or not.

    Attributes:
        name: The stage.
        key: Its result's key in the store.
    """

    name: str
    key: str


@dataclass(frozen=True)
class Built:
    """What a recipe became.

    Attributes:
        file: The exported file.
        stages: The stages that led to it, in order.
    """

    file: Path
    stages: tuple[StageRun, ...]


def run_recipe(recipe: Recipe, context: Context, store: Store) -> Built:
    """Make the file that `recipe` describes, taking from `store` whatever was computed before.

    Raises:
        TrialFailed: a stage cannot do its work.
    """
    folder, runs = run_stages(_stages(recipe), context, store)
    return Built(folder / MODEL, runs)


def shipped(stages: tuple[StageRun, ...], folder: Path, context: Context, store: Store) -> Built:
    """The file that ships of `stages` whose results exist: that of the last one, packed if it is not yet.

    Args:
        stages: All stages, or those up to one that leaves a file.
        folder: The result of the last one.
        context: What stages share.
        store: Where results are kept.
    """
    if stages[-1].name == Pack.name:
        return Built(folder / MODEL, stages)
    folder, runs = run_stages([(Pack(), {})], context, store, after=(stages[-1].key, folder))
    return Built(folder / MODEL, (*stages, *runs))


def run_stages(
    work: Iterable[Work],
    context: Context,
    store: Store,
    begin: Callable[[Stage], None] = lambda stage: None,
    after: tuple[str, Path] | None = None,
) -> tuple[Path, tuple[StageRun, ...]]:
    """Do `work` in order, taking from `store` whatever was computed before; `begin` is told of each stage.

    Args:
        work: Stages, each with its parameters.
        context: What they share.
        store: Where results are kept.
        begin: Told of each stage.
        after: Key and folder of the stage that `work` follows; nothing comes before it, when None.

    Returns:
        The folder of the last stage, and what each stage cost.

    Raises:
        TrialFailed: a stage cannot do its work.
    """
    first, folder = after or ("", Path())
    runs: list[StageRun] = []
    for stage, params, key in _keyed(work, context, first):
        begin(stage)

        def make(
            out: Path, stage: Stage = stage, params: Params = params, key: str = key, parent: Path = folder
        ) -> None:
            with context.lease.shared():
                seed_everything(key)
                stage.run(parent, out, params, context)

        entry = store.compute(key, make, about={"stage": stage.name, "params": dict(params)})
        folder = entry.folder
        runs.append(StageRun(stage.name, key, entry.seconds, entry.reused))
    return folder, tuple(runs)


def nodes(recipe: Recipe, context: Context) -> Iterator[tuple[Stage, Params, str]]:
    """The stages of `recipe` in order, each with its parameters and its key in the store."""
    return _keyed(_stages(recipe), context)


def network_stages(recipe: Recipe) -> list[Work]:
    """The stages of `recipe` that work on networks, in order: those before the export."""
    return [(stage, params) for stage, params in _stages(recipe) if stage.form == "network"]


def _keyed(work: Iterable[Work], context: Context, key: str = "") -> Iterator[tuple[Stage, Params, str]]:
    """`work` with its keys, which follow from that of the stage before it; from task and seed if there is none."""
    key = key or digest({"task": context.fingerprint, "seed": context.seed})
    for stage, params in work:
        key = digest(
            {
                "parent": key,
                "stage": stage.name,
                "version": stage.version,
                "params": dict(params),
                "settings": dict(stage.settings(params, context)),
                "libraries": {name: version(name) for name in stage.libraries},
            }
        )
        yield stage, params, key


def _stages(recipe: Recipe) -> Iterator[Work]:
    work = [item for step in recipe.steps for item in STAGES[step.name](step.params)]
    yield TrainTeacher(), {}
    yield from ((stage, params) for stage, params in work if stage.form == "network")
    yield Export(), {}
    yield from ((stage, params) for stage, params in work if stage.form == "file")
    yield Pack(), {}


@cache
def version(library: str) -> str:
    """The version that is installed; looking it up takes longer than all else in a key."""
    return metadata.version(library)


def seed_everything(key: str) -> None:
    """Seed every generator from a stage's key: its result must not depend on what ran before it in this process."""
    seed = int(key[:8], 16)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
