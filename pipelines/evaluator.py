"""A recipe in, numbers out: what a worker does for one trial."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
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
from pipelines.meters import Candidate, Measurement, by_target, measure_file, measure_on_request, measure_running, whole
from pipelines.meters.agreement import check_runtime
from pipelines.pipeline import Built, StageKey, StageRun, exported_anew, nodes, run_recipe, shipped
from pipelines.runtimes import RUNTIMES, Artifact, Feed, Target, Targets, bare, target_of, to_feed
from pipelines.stages.distil import students_in, teachers_in
from pipelines.store import Store
from pipelines.tasks.task import Task, load_task, teacher_call, to_batch
from pipelines.training.context import Context
from pipelines.training.exclude import NOTHING, Exclude
from pipelines.training.settings import Training
from spaces import Recipe, SearchSpace

Kind = tuple[str, str, int]
"""A runtime, a device and threads."""

APART = "trainings"
"""What trainings share of a machine on which files are measured on processors of their own; see `pipelines.lease`."""


@dataclass(frozen=True)
class Unmeasured:
    """The files of a recipe that are still to be measured on a target, and what completes the measurement then.

    Attributes:
        target: The name of the target; empty if it has none.
        model: The key of the exported file in the store.
        parent: That of the same recipe without its last step.
        reference: That of the uncompressed teacher.
        examination: The part of the diagnosis that is known.
    """

    target: str
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
        measurement: What every meter found out about the file on every target; what can be known where it was built,
            if the rest is still to be measured.
        stages: What each stage cost that led to the exported file, for the first target.
        model: The key of that file in the store.
        unmeasured: What is still to be measured.
        other_stages: What those cost that only files in the formats of other targets needed.
    """

    measurement: Measurement
    stages: tuple[StageRun, ...]
    model: str
    unmeasured: tuple[Unmeasured, ...] = ()
    other_stages: tuple[StageRun, ...] = ()


@dataclass(frozen=True)
class Evaluator:
    """Builds and measures recipes of one sweep. Small and picklable: data and networks are loaded where it works.

    Attributes:
        use: The task, as in `load_task`.
        args: The task's arguments.
        training: How networks are trained.
        targets: What the files have to run on. There is one file for each format that they execute, and all have the
            same network.
        seed: The sweep's seed.
        store: Where results of stages are kept.
        device: Where to train; cuda if this process sees a GPU, when None.
        accuracy_floor: The sweep's lower bound on accuracy, if it has one.
        required: Optional metrics without which a trial is of no use to the sweep, of a target if they name one: those
            that are measured on request only are measured for it.
        stored: The stages of recipes whose files exist, by the recipe's digest: such a file is taken as it is, also
            where other versions of the libraries would now give it another key, and built again only if it is lost. One
            that is not packed yet, as its stages do not end with that, is packed. For a target that executes another
            format, the network that these stages have left is exported anew.
        stored_as: The name of the format of these files.
        expected: The task as it was when the work was begun, maybe in another process; as it is found, when None.
        apart: Whether files are measured on processors that no training uses, so that none need pause meanwhile.
        processes: How many processes train a network together, each on a GPU of its own if there are GPUs.
        where: What is noted with each measurement of where it is taken; nothing, if that is empty.
        exclude: The layers that pruning and quantization must not touch.
    """

    use: str
    training: Training
    targets: Targets
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
    processes: int = 1
    where: str = ""
    exclude: Exclude = NOTHING

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
        return self.make(recipe, fidelity)

    def make(self, recipe: Recipe, fidelity: float = 1.0, elsewhere: Collection[str] = ()) -> Evaluation:
        """Build `recipe` and measure the file, but for what its files show while they run on some of the targets.

        Args:
            recipe: See `__call__`.
            fidelity: See `__call__`.
            elsewhere: The names of the targets on which it is measured by others, as `complete` tells then.
        """
        with self._pinned(recipe, fidelity):
            made = self._files(recipe, fidelity, self.required)
            found, left = Measurement({}), []
            of_file: dict[Kind, Measurement] = {}
            examined: dict[Kind, Examination] = {}
            for name, each in made.items():
                if each.kind not in of_file:
                    of_file[each.kind] = measure_file(each.candidate)
                known = of_file[each.kind]
                if name in elsewhere:
                    if each.kind not in examined:
                        with spending(EXAMINING):
                            examined[each.kind] = examine(each.candidate, each.step)
                    own, parent, reference = (
                        files.stages[-1].key for files in (each.built, each.parent, each.reference)
                    )
                    left.append(Unmeasured(name, own, parent, reference, examined[each.kind]))
                else:
                    known = self._measured(name, known | measure_running(each.candidate), each)
                found |= by_target.on(name, known)
            return self._evaluation(made, by_target.together(found, self.targets), tuple(left))

    def _measured(self, name: str, found: Measurement, made: _Made) -> Measurement:
        """The whole measurement of a file that was measured here."""
        everything = self._with_required(name, whole(found))
        with spending(EXAMINING):
            notes = diagnose(made.candidate, everything, made.step) if made.step else {}
        notes |= {WHERE: self.where} if self.where else {}
        return everything | Measurement({}, notes=notes)

    def complete(self, found: Measurement, unmeasured: Unmeasured, ran: Measurement) -> Measurement:
        """Return the measurement of a recipe with what was found out elsewhere; it is whole if that was the last.

        Args:
            found: What is known.
            unmeasured: What was left to be measured.
            ran: What the file showed while it ran, see `pipelines.bench.running.run_bench`.

        Raises:
            TrialFailed: a number is missing.
        """
        name = unmeasured.target
        everything = self._with_required(name, whole(by_target.of(name, found) | ran))
        everything |= Measurement({}, notes=unmeasured.examination.notes(everything))
        return by_target.together(found | by_target.on(name, everything), self.targets)

    def artifact(self, key: str, target: str) -> Artifact | None:
        """The file with this key in the store, which the target of this name executes; None if it is lost."""
        folder = self.store.get(key)
        return artifact_in(folder, RUNTIMES[self.targets[target].runtime].format) if folder else None

    def feed(self, target: str) -> Feed:
        """The inputs of one call on the target of this name."""
        return to_feed(to_batch(self.task.example_input(), self.targets[target].batch))

    def on_request(self, recipe: Recipe, names: Iterable[str]) -> Mapping[str, float]:
        """The metrics `names`, which are measured on request only, of the files of `recipe`.

        Raises:
            TrialFailed: they cannot be measured.
        """
        names, found = tuple(names), Measurement({})
        for target, made in self._files(recipe, 1.0, names).items():
            found |= by_target.on(target, measure_on_request(made.candidate))
        metrics = by_target.together(found, self.targets).metrics
        return {name: metrics[name] for name in sorted(names)}

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

    def _files(self, recipe: Recipe, fidelity: float, asked: Iterable[str]) -> dict[str, _Made]:
        """The files of `recipe` and what they are compared with, by the name of the target."""
        recipes = (recipe, recipe.parent(), Recipe())
        built = {each: [self._build(one, fidelity, each) for one in recipes] for each in self.formats}
        step, wanted = recipe.steps[-1].name if recipe.steps else "", frozenset(map(bare, asked))
        made: dict[str, _Made] = {}
        for name, target in self.targets:
            files = built[RUNTIMES[target.runtime].format]
            own, parent, reference = (each.artifact for each in files)
            shared = (self.store, wanted, self.context.lease, self.identity.fingerprint)
            candidate = Candidate(own, reference, parent, self.task, target, *shared)
            each = _Made(step, candidate, *files)
            if all(each.kind != other.kind for other in made.values()):
                with spending(EXAMINING):
                    check_runtime(candidate)
            made[name] = each
        return made

    def _with_required(self, target: str, found: Measurement) -> Measurement:
        for name in self.required:
            if target_of(name) in ("", target) and bare(name) not in found.metrics:
                reason = found.notes.get(bare(name), "not available")
                advice = "take it out of objectives and constraints, or run the sweep on a machine that can measure it"
                raise TrialFailed(f"{name} is {reason}; {advice}")
        return found

    def _evaluation(
        self, made: Mapping[str, _Made], found: Measurement, unmeasured: tuple[Unmeasured, ...]
    ) -> Evaluation:
        first, *others = (each.built.stages for each in made.values())
        notes = {stage.name: stage.note for stage in first if stage.note}
        own = {stage.key for stage in first}
        besides = {stage.key: stage for stages in others for stage in stages if stage.key not in own}
        told = found | Measurement({}, notes=notes)
        return Evaluation(told, first, first[-1].key, unmeasured, tuple(besides.values()))

    def __getstate__(self) -> dict[str, Any]:
        # Whoever gets a copy loads task and data itself: they may be large, and need not be picklable.
        return {attribute.name: getattr(self, attribute.name) for attribute in fields(self)}

    def expecting(self, identity: TaskIdentity) -> Evaluator:
        """Return the same that works with no other task than `identity`, which is that of the one loaded here."""
        bound = replace(self, expected=identity)
        vars(bound)["task"] = self.task
        return bound

    def is_built(self, recipe: Recipe) -> bool:
        """Return True if the store seems to have the files of `recipe` and those that they are compared with."""
        recipes = (recipe, recipe.parent(), Recipe())
        return all(self.store.has(self._last(each, wanted)) for wanted in self.formats for each in recipes)

    def _last(self, recipe: Recipe, format: str) -> str:
        """The key of the file of `recipe` in `format`."""
        stages = self.stored.get(recipe.digest)
        if stages and format == self.stored_as:
            return stages[-1].key
        return list(nodes(recipe, self._context_for(1.0, format)))[-1][2]

    @cached_property
    def formats(self) -> tuple[str, ...]:
        """The names of the formats that the targets execute, that of the first target first."""
        first = self.context.format  # with the context, the runtimes are registered
        return tuple(dict.fromkeys((first, *(RUNTIMES[target.runtime].format for _, target in self.targets))))

    def build(self, recipe: Recipe, fidelity: float = 1.0, target: str | None = None) -> Built:
        """The file that `recipe` describes for the target of this name, from the store where it can be.

        Args:
            recipe: What to build.
            fidelity: See `__call__`.
            target: The name of one of the targets; the first, when None.
        """
        wanted = self.formats[0] if target is None else RUNTIMES[self.targets[target].runtime].format
        return self._build(recipe, fidelity, wanted)

    def _build(self, recipe: Recipe, fidelity: float, format: str) -> Built:
        stages, store, context = self.stored.get(recipe.digest), self.store, self._context_for(fidelity, format)
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
        contexts, recipes = (
            [self._context_for(fidelity, each) for each in self.formats],
            (recipe, recipe.parent(), Recipe()),
        )
        work = (node for context in contexts for each in recipes for node in nodes(each, context))
        return tuple(dict.fromkeys(StageKey(stage.name, key) for stage, _, key in work))

    def _context_for(self, fidelity: float, format: str) -> Context:
        if not 0 <= fidelity <= 1:
            raise ValueError(f"fidelity is between 0 and 1, not {fidelity}")
        return replace(self.context, fidelity=fidelity, format=format)

    def _is_whole(self, recipe: Recipe, fidelity: float) -> bool:
        """Return True if that share of the epochs is all of them, or nothing is trained but the teacher."""
        *_, (_, _, key) = nodes(recipe, replace(self.context, fidelity=fidelity))
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
        """The identity of the task together with those of its students and further teachers that `space` has.

        Raises:
            TaskChanged: another task is expected.
        """
        found = self.identity
        for choice in students_in(space):
            found = found.with_network(choice.call, self.context.weights(choice))
        for name in teachers_in(space):
            found = found.with_network(teacher_call(name), self.context.weights(name))
        return found

    @cached_property
    def context(self) -> Context:
        """The context that the stages share.

        Raises:
            TrialFailed: a target's runtime is not registered in this process.
        """
        with spending(STARTING):
            return self._make_context()

    def _make_context(self) -> Context:
        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        task = self.task  # before runtimes are looked up: its module may register one
        for _, target in self.targets:
            if target.runtime not in RUNTIMES:
                raise TrialFailed(
                    f"the runtime {target.runtime!r} is not registered where this trial runs; register it in the "
                    "module of the task, which every worker imports"
                )
        return Context(
            task,
            self.identity.fingerprint,
            self.training,
            self.seed,
            torch.device(device),
            self.accuracy_floor,
            Lease(APART if self.apart else lease_name(self._measured_here)),
            format=RUNTIMES[self.targets.first.runtime].format,
            exclude=self.exclude,
            use=self.use,
            args=self.args,
            processes=self.processes,
        )

    @property
    def _measured_here(self) -> Target:
        """The target for which trainings give way; those that are measured where files are built are of one device."""
        return next((target for _, target in self.targets if not target.resource), self.targets.first)


@dataclass(frozen=True)
class _Made:
    """The files of one recipe for one target.

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

    @property
    def kind(self) -> Kind:
        """The runtime, the device and the threads: with the same, the file is the same, and so is what it computes."""
        target = self.candidate.target
        return target.runtime, target.device, target.threads
