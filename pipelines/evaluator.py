"""A recipe in, numbers out: what a worker does for one trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import product
from typing import Any

import torch

from pipelines.diagnosis import diagnose
from pipelines.errors import TaskChanged, TrialFailed
from pipelines.identity import TaskIdentity
from pipelines.lease import Lease
from pipelines.ledger import EXAMINING, STARTING, spending
from pipelines.meters import Candidate, Measurement, measure, measure_on_request
from pipelines.pipeline import Built, StageKey, StageRun, nodes, run_recipe, shipped
from pipelines.runtimes import RUNTIMES, Target
from pipelines.store import Store
from pipelines.tasks.task import Task, load_task
from pipelines.training.context import Context
from pipelines.training.settings import Training
from spaces import NONE, Recipe, SearchSpace


@dataclass(frozen=True)
class Evaluation:
    """The outcome of evaluating one recipe.

    Attributes:
        measurement: What every meter found out about the file.
        stages: What each stage cost.
        model: The key of the exported file in the store.
    """

    measurement: Measurement
    stages: tuple[StageRun, ...]
    model: str


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
            that is not packed yet, as its stages do not end with that, is packed.
        expected: The task as it was when the work was begun, maybe in another process; as it is found, when None.
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
    expected: TaskIdentity | None = None

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
        with self.store.pinned([link.key for link in self.chain(recipe, fidelity)]):
            return self._evaluate(recipe, fidelity)

    def _evaluate(self, recipe: Recipe, fidelity: float) -> Evaluation:
        built, candidate = self._candidate(recipe, fidelity, self.required)
        found = measure(candidate)
        for name in self.required:
            if name not in found.metrics:
                reason = found.notes.get(name, "not available")
                advice = "take it out of objectives and constraints, or run the sweep on a machine that can measure it"
                raise TrialFailed(f"{name} is {reason}; {advice}")
        with spending(EXAMINING):
            notes = diagnose(candidate, found, recipe.steps[-1].name) if recipe.steps else {}
        notes |= {stage.name: stage.note for stage in built.stages if stage.note}
        return Evaluation(found | Measurement({}, notes=notes), built.stages, built.stages[-1].key)

    def on_request(self, recipe: Recipe, names: Iterable[str]) -> Mapping[str, float]:
        """The metrics `names`, which are measured on request only, of the file of `recipe`.

        Raises:
            TrialFailed: they cannot be measured.
        """
        return measure_on_request(self._candidate(recipe, 1.0, names)[1]).metrics

    def _candidate(self, recipe: Recipe, fidelity: float, asked: Iterable[str]) -> tuple[Built, Candidate]:
        """The file of `recipe`, and what is measured of it."""
        built, parent, reference = (
            self.build(recipe, fidelity),
            self.build(recipe.parent(), fidelity),
            self.build(Recipe()),
        )
        candidate = Candidate(
            built.artifact,
            reference.artifact,
            parent.artifact,
            self.task,
            self.target,
            self.store,
            frozenset(asked),
            self.context.lease,
        )
        return built, candidate

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
            Lease(self.target.device),
            format=RUNTIMES[self.target.runtime].format,
        )
