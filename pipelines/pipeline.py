"""From a recipe to the file that would ship: teacher → student → pruned → exported → quantized → packed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import takewhile
from pathlib import Path

from pipelines.errors import TrialFailed
from pipelines.extra import installed_version
from pipelines.formats import artifact_in
from pipelines.ledger import READING, spending
from pipelines.runtimes import Artifact
from pipelines.stages import STAGES, Export, Listens, Pack, Stage, Trains, TrainTeacher, Work
from pipelines.stages.distil import Distil, stands_alone
from pipelines.stages.stage import NOTE, note_in
from pipelines.stages.together import run_stage
from pipelines.store import Entry, Store
from pipelines.time_limit import handling_s, limit_s, stage_limit
from pipelines.training.context import Context
from pipelines.training.seed import seed_everything
from pipelines.training.trajectory import Trajectory
from spaces import Params, Recipe, digest

BEFORE = "before"
"""Under this name a manifest has the stages that led to the entry, with the seconds that each took."""

FIRST_STAGE = TrainTeacher.name
"""The stage whose result all recipes are compared with, and with which the work on most begins."""

BOUNDED = (Export.name, Pack.name)
"""The stages whose time follows from the size of what they are given, so that one that takes far longer hangs."""

MANIFEST_VERSION = 2
"""Raised when what stages read in manifests changes: entries that were written before are not found then."""

version = cache(installed_version)
"""The version of an installed distribution, looked up once: that takes longer than all else about a key."""


@dataclass(frozen=True)
class StageRun:
    """The cost of one stage of a recipe.

    Attributes:
        name: The stage.
        key: Its result's key in the store.
        seconds: How long it took, now or when it was first computed, without what it waited for others meanwhile.
        reused: Whether the result was there already.
        note: What is to be said of the result, empty if nothing.
    """

    name: str
    key: str
    seconds: float
    reused: bool
    note: str = ""


@dataclass(frozen=True)
class StageKey:
    """One stage of a recipe's work, done or not.

    Attributes:
        name: The stage.
        key: Its result's key in the store.
    """

    name: str
    key: str


@dataclass(frozen=True)
class Built:
    """The files that a recipe became.

    Attributes:
        artifact: The exported file.
        stages: The stages that led to it, in order.
    """

    artifact: Artifact
    stages: tuple[StageRun, ...]

    @property
    def file(self) -> Path:
        """The path of the exported file."""
        return self.artifact.path


def run_recipe(recipe: Recipe, context: Context, store: Store) -> Built:
    """Make the file that `recipe` describes, taking from `store` whatever was computed before.

    Raises:
        TrialFailed: a stage cannot do its work.
    """
    folder, runs = run_stages(_stages(recipe), context, store)
    return Built(artifact_in(folder, context.format), runs)


def shipped(stages: tuple[StageRun, ...], folder: Path, context: Context, store: Store) -> Built:
    """The file that ships of `stages` whose results exist: that of the last one, packed if it is not yet.

    Args:
        stages: All stages, or those up to one that leaves a file.
        folder: The result of the last one.
        context: What stages share.
        store: Where results are kept.
    """
    if stages[-1].name == Pack.name:
        return Built(artifact_in(folder, context.format), stages)
    folder, runs = run_stages([(Pack(), {})], context, store, after=(stages, folder))
    return Built(artifact_in(folder, context.format), runs)


def exported_anew(recipe: Recipe, stages: tuple[StageRun, ...], context: Context, store: Store) -> Built:
    """The file of `recipe` in the context's format, where `stages` led to one of another; nothing is trained.

    Args:
        recipe: What led to the network.
        stages: All that led to the other file, or to one on the way to it.
        context: What stages share.
        store: Where results are kept.

    Raises:
        TrialFailed: the network is not in the store any more, or a stage cannot do its work in this format.
    """
    networks = tuple(takewhile(lambda stage: stage.name != Export.name, stages))
    work = [(stage, params) for stage, params in _stages(recipe) if stage.form == "file"]
    *_, (_, _, last, _) = _keyed(work, context, networks[-1].key)
    folder = store.get(networks[-1].key)
    if folder is None and not store.has(last):
        raise TrialFailed(
            f"its network is no longer in the store, and its file is not written in {context.format}; run the sweep "
            "for this target, or keep more with store.limit_gb"
        )
    reused = tuple(replace(stage, reused=True) for stage in networks)
    folder, runs = run_stages(work, context, store, after=(reused, folder or Path()))
    return Built(artifact_in(folder, context.format), runs)


def parent_stages(recipe: Recipe, stages: tuple[StageRun, ...]) -> tuple[StageRun, ...]:
    """Those of `stages`, which led to the file of `recipe`, that led to its parent's file, which is not packed.

    There are some if the last step is one stage that works on a file: it follows its parent's file, and packing comes
    last.
    """
    work = STAGES[recipe.steps[-1].name](recipe.steps[-1].params) if recipe.steps else ()
    return stages[:-2] if len(work) == 1 and work[0][0].form == "file" else ()


def run_stages(
    work: Iterable[Work],
    context: Context,
    store: Store,
    begin: Callable[[Stage], None] = lambda stage: None,
    after: tuple[tuple[StageRun, ...], Path] = ((), Path()),
) -> tuple[Path, tuple[StageRun, ...]]:
    """Do `work` in order, as far as its results are not in `store`.

    The last result that is there is all that is read: it says what the stages before it cost, and theirs may be gone.

    Args:
        work: Stages, each with its parameters.
        context: What they share.
        store: Where results are kept.
        begin: Told of each stage that is not in the store.
        after: The stages that `work` follows, and the folder of the last one.

    Returns:
        The folder of the last stage, and what each stage cost, those of `after` included.

    Raises:
        TrialFailed: a stage cannot do its work.
    """
    before, folder = after
    todo = list(_keyed(work, context, before[-1].key if before else ""))
    runs, missing = list(before), []
    while todo:
        stage, _, key, _ = todo[-1]
        with spending(READING):
            found = store.find(key)
        if found:
            run = StageRun(stage.name, key, found.seconds, reused=True, note=note_in(found.folder))
            runs, folder = [*_before(found), run], found.folder
            break
        missing.append(todo.pop())
    for stage, params, key, origin in reversed(missing):
        begin(stage)
        asked = _teacher_folder(context, store) if isinstance(stage, Listens) and stage.listens(params) else None
        own = replace(context, trajectory=Trajectory(origin, store.unfinished), teacher=asked, notes=[])

        def make(
            out: Path,
            stage: Stage = stage,
            params: Params = params,
            origin: str = origin,
            parent: Path = folder,
            own: Context = own,
        ) -> None:
            usual_s = limit_s(handling_s(parent)) if stage.name in BOUNDED else None
            with context.lease.shared(), stage_limit(stage.name, usual_s):
                seed_everything(origin)
                run_stage(stage, parent, out, params, own)
                if own.notes:
                    (out / NOTE).write_text("; ".join(own.notes), encoding="utf-8")

        history = [{"name": r.name, "key": r.key, "seconds": r.seconds, "note": r.note} for r in runs]
        settings = dict(stage.settings(params, context))
        if isinstance(stage, Trains):
            settings["epochs"] = stage.extent(params, context).epochs
        about = {"stage": stage.name, "params": dict(params), "settings": settings, BEFORE: history}
        about |= {"task": context.fingerprint, "device": context.device.type}
        with spending(stage.name):
            entry = store.compute(key, make, about)
        if isinstance(stage, Trains) and stage.extent(params, context).is_whole:
            own.trajectory.over()
        folder = entry.folder
        runs.append(StageRun(stage.name, key, entry.seconds, entry.reused, note_in(folder)))
    return folder, tuple(runs)


def _teacher_folder(context: Context, store: Store) -> Path:
    """The trained teacher, from the store or trained again: its result may have been evicted, those after it not."""
    return run_stages([(TrainTeacher(), {})], context, store)[0]


def _before(entry: Entry) -> list[StageRun]:
    """The stages that led to `entry`, as its manifest has them."""
    return [
        StageRun(run["name"], run["key"], run["seconds"], reused=True, note=run.get("note", ""))
        for run in entry.about[BEFORE]
    ]


def nodes(recipe: Recipe, context: Context) -> Iterator[tuple[Stage, Params, str]]:
    """The stages of `recipe` in order, each with its parameters and its key in the store."""
    return ((stage, params, key) for stage, params, key, _ in _keyed(_stages(recipe), context))


def outline(recipe: Recipe) -> Iterator[StageKey]:
    """The stages of `recipe` in order, with keys that say no more than what follows what.

    Two are equal where `nodes` has equal keys, in any one context; no task is needed.
    """
    key = ""
    for stage, params in _stages(recipe):
        key = digest({"parent": key, "stage": stage.name, "params": dict(params)})
        yield StageKey(stage.name, key)


def network_stages(recipe: Recipe) -> list[Work]:
    """The stages of `recipe` that work on networks, in order: those before the export."""
    return [(stage, params) for stage, params in _stages(recipe) if stage.form == "network"]


def _keyed(work: Iterable[Work], context: Context, key: str = "") -> Iterator[tuple[Stage, Params, str, str]]:
    """`work` with its keys, which follow from that of the stage before it; from task and seed if there is none.

    Each comes with the key of its trajectory, from which it is seeded: that of its result knows its epochs besides.
    """
    key = key or digest({"task": context.fingerprint, "seed": context.seed, "manifest": MANIFEST_VERSION})
    for stage, params in work:
        origin = digest(
            {
                "parent": key,
                "stage": stage.name,
                "version": stage.version,
                "params": dict(params),
                "settings": dict(stage.settings(params, context)),
                "libraries": {name: version(name) for name in stage.libraries},
                **_asked(stage, params, context),
            }
        )
        key = origin
        if isinstance(stage, Trains):
            together = {"processes": context.processes} if context.processes > 1 else {}
            key = digest({"origin": origin, **asdict(stage.extent(params, context)), **together})
        yield stage, params, key, origin


def _asked(stage: Stage, params: Params, context: Context) -> dict[str, str]:
    """What the key of a stage knows of the teacher that it asks, with which its recipe need not begin."""
    if not (isinstance(stage, Listens) and stage.listens(params)):
        return {}
    ((_, _, key, _),) = _keyed([(TrainTeacher(), {})], context)
    return {"teacher": key}


def _named_teacher(networks: Sequence[Work]) -> Params:
    """What the first stage is told: which teacher, if it is another one than that which all is compared with."""
    names = [params["teacher"] for stage, params in networks[:1] if isinstance(stage, Distil) and "teacher" in params]
    return {"name": names[0]} if names else {}


def _stages(recipe: Recipe) -> Iterator[Work]:
    work = [item for step in recipe.steps for item in STAGES[step.name](step.params)]
    networks = [(stage, params) for stage, params in work if stage.form == "network"]
    if not (networks and isinstance(networks[0][0], Distil) and stands_alone(networks[0][1])):
        yield TrainTeacher(), _named_teacher(networks)
    yield from networks
    yield Export(), {}
    yield from ((stage, params) for stage, params in work if stage.form == "file")
    yield Pack(), {}
