"""A recipe in, numbers out: what a worker does for one trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import product
from typing import Any

import torch

from pipelines.bench.conditions import WHERE
from pipelines.diagnosis import Examination, diagnose, examine
from pipelines.errors import TaskChanged, TrialFailed
from pipelines.formats import artifact_in
from pipelines.gpu import lease_name
from pipelines.identity import TaskIdentity
from pipelines.lease import Lease
from pipelines.ledger import EXAMINING, STARTING, spending
from pipelines.meters import Candidate, Measurement, measure, measure_file, measure_on_request, whole
from pipelines.meters.agreement import check_runtime
from pipelines.pipeline import Built, StageKey, StageRun, exported_anew, nodes, run_recipe, shipped
from pipelines.runtimes import RUNTIMES, Artifact, Feed, Target, to_feed
from pipelines.store import Store
from pipelines.tasks.task import Task, load_task, to_batch
from pipelines.training.context import Context
from pipelines.training.settings import Training
from spaces import NONE, Recipe, SearchSpace

APART = "trainings"
"""What trainings share of a machine on which files are measured on processors of their own; see `pipelines.lease`."""


@dataclass(frozen=True)
class Unmeasured:
    """The files of a recipe that are still to be measured while they run, and what completes the measurement then.

    Attributes:
        model: The key of the exported file in the store.
        parent: That of the same recipe without its last step.
        reference: That of the uncompressed teacher.
        examination: The part of the diagnosis that is known.
    """

    model: str
    parent: str
    reference: str
    examination: Examination = field(default_factory=Examination)

    @property
    def keys(self) -> tuple[str, ...]:
        """The distinct keys of the files, the exported one first."""
        return tuple(dict.fromkeys((self.model, self.reference, self.parent)))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Unmeasured:
        """The one that `dataclasses.asdict` made plain data of."""
        return cls(**{**data, "examination": Examination.from_json(data["examination"])})


@dataclass(frozen=True)
class Evaluation:
    """The outcome of evaluating one recipe.

    Attributes:
        measurement: What every meter found out about the file; what can be known where it was built, if the rest is
            still to be measured.
        stages: What each stage cost.
        model: The key of the exported file in the store.
        unmeasured: What is still to be measured; None if nothing is.
    """

    measurement: Measurement
    stages: tuple[StageRun, ...]
    model: str
    unmeasured: Unmeasured | None = None


@dataclass(frozen=True)
class Evaluator:
    """Builds and measures recipes of one sweep. Small and picklable: data and networks are loaded where it works.

    Attributes:
        use: The task, as in `load_task`.
        args: The task's arguments.
        training: How networks are trained.
        target: What the file has to run on.
        seed: The sweep's seed.
        store: Where results of stages are kept.
        device: Where to train; cuda if this process sees a GPU, when None.
        accuracy_floor: The sweep's lower bound on accuracy, if it has one.
        required: Optional metrics without which a trial is of no use to the sweep: those that are measured on request
            only are measured for it.
        stored: The stages of recipes whose files exist, by the recipe's digest: such a file is taken as it is, also
            where other versions of the libraries would now give it another key, and built again only if it is lost. One
            that is not packed yet, as its stages do not end with that, is packed. For a target that executes another
            format, the network that these stages have left is exported anew.
        stored_as: The name of the format of these files.
        expected: The task as it was when the work was begun, maybe in another process; as it is found, when None.
        apart: Whether files are measured on processors that no training uses, so that none need pause meanwhile.
        where: What is noted with each measurement of where it is taken; nothing, if that is empty.
    """

    use: str
    training: Training
    target: Target
    seed: int
    store: Store
    args: Mapping[str, Any] = field(default_factory=dict)
    device: str | None = None
    accuracy_floor: float | None = None
    required: tuple[str, ...] = ()
    stored: Mapping[str, tuple[StageRun, ...]] = field(default_factory=dict)
    stored_as: str = "onnx"
    expected: TaskIdentity | None = None
    apart: bool = False
    where: str = ""

    def __call__(self, recipe: Recipe, fidelity: float = 1.0) -> Evaluation:
        """Build `recipe` and measure the file; nothing that this needs is evicted from the store meanwhile.

        Args:
            recipe: What to build.
            fidelity: How much of its epochs each training but the teacher's is run for, rounded up to whole epochs: 0
                trains nothing, so that the file has the structure and no more. A later call with a larger fidelity goes
                on from there where it follows the same work. The parent is built at the same fidelity; the reference is
                the trained teacher.

        Raises:
            TrialFailed: the recipe cannot become a measured file.
            ValueError: `fidelity` is not between 0 and 1.
        """
        with self._pinned(recipe, fidelity):
            made = self._files(recipe, fidelity, self.required)
            found = self._with_required(measure(made.candidate))
            with spending(EXAMINING):
                notes = diagnose(made.candidate, found, made.step) if recipe.steps else {}
            notes |= {WHERE: self.where} if self.where else {}
            return self._evaluation(made, found | Measurement({}, notes=notes))

    def make(self, recipe: Recipe, fidelity: float = 1.0) -> Evaluation:
        """Build `recipe`, and find out what need not be measured on the target; see `__call__`.

        Returns:
            An evaluation that `complete` completes, when its files were measured where they are to run.
        """
        with self._pinned(recipe, fidelity):
            made = self._files(recipe, fidelity, self.required)
            found = measure_file(made.candidate)
            with spending(EXAMINING):
                examination = examine(made.candidate, made.step)
            own, parent, reference = (each.stages[-1].key for each in (made.built, made.parent, made.reference))
            return self._evaluation(made, found, Unmeasured(own, parent, reference, examination))

    def complete(self, found: Measurement, unmeasured: Unmeasured, ran: Measurement) -> Measurement:
        """Return the whole measurement of a file.

        Args:
            found: What `make` found.
            unmeasured: What it left to be measured.
            ran: What the file showed while it ran, see `pipelines.bench.running.run_bench`.

        Raises:
            TrialFailed: a number is missing.
        """
        everything = self._with_required(whole(found | ran))
        return everything | Measurement({}, notes=unmeasured.examination.notes(everything))

    def artifact(self, key: str) -> Artifact | None:
        """The file with this key in the store, None if it is lost."""
        folder = self.store.get(key)
        return artifact_in(folder, self.context.format) if folder else None

    @cached_property
    def feed(self) -> Feed:
        """The inputs of one call on the target."""
        return to_feed(to_batch(self.task.example_input(), self.target.batch))

    def on_request(self, recipe: Recipe, names: Iterable[str]) -> Mapping[str, float]:
        """The metrics `names`, which are measured on request only, of the file of `recipe`.

        Raises:
            TrialFailed: they cannot be measured.
        """
        return measure_on_request(self._files(recipe, 1.0, names).candidate).metrics

    def prepare(self) -> None:
        """Load the task, as all recipes need it.

        Raises:
            TaskChanged: another task is expected.
            TrialFailed: the target's runtime is not registered in this process.
            Exception: the task cannot be loaded here.
        """
        _ = self.identity, self.context

    def keep_in(self, store: Store) -> Evaluator:
        """The same with another store."""
        return replace(self, store=store)

    def _pinned(self, recipe: Recipe, fidelity: float) -> AbstractContextManager[None]:
        return self.store.pinned([link.key for link in self.chain(recipe, fidelity)])

    def _files(self, recipe: Recipe, fidelity: float, asked: Iterable[str]) -> _Made:
        files = (
            self.build(recipe, fidelity),
            self.build(recipe.parent(), fidelity),
            self.build(Recipe()),
        )
        built, parent, reference = (each.artifact for each in files)
        candidate = Candidate(
            built,
            reference,
            parent,
            self.task,
            self.target,
            self.store,
            frozenset(asked),
            self.context.lease,
            self.identity.fingerprint,
        )
        with spending(EXAMINING):
            check_runtime(candidate)
        return _Made(recipe.steps[-1].name if recipe.steps else "", candidate, *files)

    def _with_required(self, found: Measurement) -> Measurement:
        for name in self.required:
            if name not in found.metrics:
                reason = found.notes.get(name, "not available")
                advice = "take it out of objectives and constraints, or run the sweep on a machine that can measure it"
                raise TrialFailed(f"{name} is {reason}; {advice}")
        return found

    def _evaluation(self, made: _Made, found: Measurement, unmeasured: Unmeasured | None = None) -> Evaluation:
        stages = made.built.stages
        notes = {stage.name: stage.note for stage in stages if stage.note}
        return Evaluation(found | Measurement({}, notes=notes), stages, stages[-1].key, unmeasured)

    def __getstate__(self) -> dict[str, Any]:
        # Whoever gets a copy loads task and data itself: they may be large, and need not be picklable.
        return {attribute.name: getattr(self, attribute.name) for attribute in fields(self)}

    def expecting(self, identity: TaskIdentity) -> Evaluator:
        """Return the same that works with no other task than `identity`, which is that of the one loaded here."""
        bound = replace(self, expected=identity)
        vars(bound)["task"] = self.task
        return bound

    def is_built(self, recipe: Recipe) -> bool:
        """Return True if the store seems to have the file of `recipe` and those that it is compared with."""
        stored = (self.stored.get(each.digest) for each in (recipe, recipe.parent(), Recipe()))
        last = [
            stages[-1].key if stages else list(nodes(each, self.context))[-1][2]
            for each, stages in zip((recipe, recipe.parent(), Recipe()), stored, strict=True)
        ]
        return all(self.store.has(key) for key in last)

    def build(self, recipe: Recipe, fidelity: float = 1.0) -> Built:
        """The file that `recipe` describes, from the store where it can be; for `fidelity` see `__call__`."""
        stages, store, context = self.stored.get(recipe.digest), self.store, self._context_for(fidelity)
        if stages and self._is_whole(recipe, fidelity) and self.stored_as != context.format:
            return exported_anew(recipe, stages, context, store)
        if stages and self._is_whole(recipe, fidelity) and (folder := store.get(stages[-1].key)):
            return shipped(tuple(replace(stage, reused=True) for stage in stages), folder, context, store)
        return run_recipe(recipe, context, store)

    def chain(self, recipe: Recipe, fidelity: float = 1.0) -> tuple[StageKey, ...]:
        """The stages whose results the trial of `recipe` needs, each once, every one after those that it follows.

        With the recipe's own come those of what it is compared with: its parent, and the uncompressed teacher. For
        `fidelity` see `__call__`.
        """
        context = self._context_for(fidelity)
        work = (node for each in (recipe, recipe.parent(), Recipe()) for node in nodes(each, context))
        return tuple(dict.fromkeys(StageKey(stage.name, key) for stage, _, key in work))

    def _context_for(self, fidelity: float) -> Context:
        if not 0 <= fidelity <= 1:
            raise ValueError(f"fidelity is between 0 and 1, not {fidelity}")
        return replace(self.context, fidelity=fidelity)

    def _is_whole(self, recipe: Recipe, fidelity: float) -> bool:
        """Return True if that share of the epochs is all of them, or nothing is trained but the teacher."""
        *_, (_, _, key) = nodes(recipe, self._context_for(fidelity))
        *_, (_, _, whole) = nodes(recipe, self.context)
        return key == whole

    @cached_property
    def task(self) -> Task:
        """The person's task, made on first use."""
        return load_task(self.use, self.args)

    @cached_property
    def identity(self) -> TaskIdentity:
        """The identity of the task: of what is loaded here, if nothing else is expected.

        Raises:
            TaskChanged: another task is expected.
        """
        if self.expected is None:
            return TaskIdentity.of(self.task, self.use, self.args)
        # Not its weights: what a person draws with a seed of their own may differ between the machines of a cluster.
        if changes := TaskIdentity.of_source(self.task, self.use, self.args).source_changes(self.expected):
            raise TaskChanged(changes)
        return self.expected

    def identity_in(self, space: SearchSpace) -> TaskIdentity:
        """The identity of the task together with those of its students that `space` has.

        Raises:
            TaskChanged: another task is expected.
        """
        found = self.identity
        depths, widths = (
            [value for value in space.used(name) if value != NONE] for name in ("student.depth", "student.width")
        )
        for depth, width in product(map(int, depths), map(float, widths)):
            found = found.with_student(depth, width, self.context.student_weights(depth, width))
        return found

    @cached_property
    def context(self) -> Context:
        """The context that the stages share.

        Raises:
            TrialFailed: the target's runtime is not registered in this process.
        """
        with spending(STARTING):
            return self._make_context()

    def _make_context(self) -> Context:
        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        task = self.task  # before the runtime is looked up: its module may register one
        if self.target.runtime not in RUNTIMES:
            raise TrialFailed(
                f"the runtime {self.target.runtime!r} is not registered where this trial runs; register it in the "
                "module of the task, which every worker imports"
            )
        return Context(
            task,
            self.identity.fingerprint,
            self.training,
            self.seed,
            torch.device(device),
            self.accuracy_floor,
            Lease(APART if self.apart else lease_name(self.target)),
            format=RUNTIMES[self.target.runtime].format,
        )


@dataclass(frozen=True)
class _Made:
    """The files of one recipe.

    Attributes:
        step: The name of its last step; empty if it has none.
        candidate: What is measured.
        built: The recipe's file.
        parent: That of the same recipe without its last step.
        reference: The uncompressed teacher's.
    """

    step: str
    candidate: Candidate
    built: Built
    parent: Built
    reference: Built
