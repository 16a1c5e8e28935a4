"""A sweep's file, read and checked: every problem is reported at once, each with its place and what is legal."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

import yaml

from pipelines import METRICS, RUNTIMES, Exclude, Targets, Training, metric_problem, runtime_problem, steps_of, suited
from pipelines.meters import Direction
from pipelines.meters.by_target import metric
from pipelines.redaction import plain, redacted
from pipelines.runtimes.targets import AT, bare, target_of
from pipelines.tasks.module import import_module
from search.config.environment import resolve
from search.config.objective import Constraint, Objective, lower_bound, name_problem
from search.config.plain_file import PlainFile, S, check_plain, read_plain
from search.config.sections import (
    ClusterSection,
    NotifySection,
    SearchSection,
    StoreSection,
    TaskSection,
    TrackingSection,
)
from search.config.target_sections import PlacedTarget, placed_targets, target_problems, targets_of
from search.config.yaml_file import DEEPEST, parse_yaml, read_yaml, reason, write_yaml
from spaces import InputError, Problem, SearchSpace, illegal, shown

LATENCY = "latency_ms"
DEFAULT_OBJECTIVES = {"accuracy": "maximize", LATENCY: "minimize", "size_mb": "minimize"}

LONGEST_NAME = 200
"""In characters: a sweep's folder is named by it, also with the time at which it was put aside, of 255 at most."""

IDENTITY = ("task", "space", "objectives", "constraints", "exclude", "training", "targets")
"""The sections that say what a sweep is: with another value of one of them its trials could not be compared."""


@dataclass(frozen=True)
class SweepConfig:
    """A sweep as asked for, checked.

    Attributes:
        raw: The file's content with the overrides applied: what is kept beside the study and in MLflow.
        sweep: The sweep's name.
        warnings: What came out when its task was tried, and is most likely not meant.
    """

    raw: Mapping[str, Any]
    sweep: str
    task: TaskSection
    space: SearchSpace
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    exclude: Exclude
    training: Training
    targets: Targets
    search: SearchSection
    cluster: ClusterSection
    tracking: TrackingSection
    store: StoreSection
    notify: NotifySection = field(default_factory=NotifySection)
    warnings: tuple[str, ...] = ()

    @property
    def optional_metrics(self) -> tuple[str, ...]:
        """Optimised or constrained metrics that not every machine can measure."""
        names = dict.fromkeys([o.name for o in self.objectives] + [c.name for c in self.constraints])
        return tuple(name for name in names if metric(name).optional)

    @property
    def experiment(self) -> str:
        """The name of the MLflow experiment."""
        return self.tracking.experiment or self.sweep

    def differences(self, other: SweepConfig) -> list[str]:
        """The key paths that keep this configuration from going on with the trials of `other`, in order."""
        differ = [part for part in IDENTITY if _public(getattr(self, part)) != _public(getattr(other, part))]
        changed = [self.targets.section if part == "targets" else part for part in differ]
        return changed + (["search.seed"] if self.search.seed != other.search.seed else [])

    def dump(self) -> str:
        """The configuration as YAML, without secrets."""
        return write_yaml(redacted(self.raw))

    @property
    def has_secrets(self) -> bool:
        """True if `dump` leaves something out."""
        return bool(redacted(self.raw) != plain(self.raw))


@dataclass(frozen=True)
class Reading:
    """Everything that is known of a sweep's file, which may be wrong in places.

    Attributes:
        raw: The file's content with the overrides applied.
        problems: Everything wrong with it.
        config: The sweep, if there are no problems.
        wrong: The key paths of plain sections of which the value is not known.
        space: The legal values of the space that suit the targets; None if the section cannot be read at all.
    """

    raw: Mapping[str, Any]
    problems: tuple[Problem, ...]
    config: SweepConfig | None
    wrong: frozenset[str]
    space: SearchSpace | None

    @property
    def targets(self) -> tuple[PlacedTarget, ...]:
        """The sections of targets that can be read."""
        return placed_targets(self.raw, self.wrong)

    def section(self, kind: type[S], name: str) -> S | None:
        """The plain section called `name` without the keys that are wrong, or None if it cannot be read at all."""
        return read_plain(kind, self.raw, name, self.wrong)

    def checked(self) -> SweepConfig:
        """The sweep.

        Raises:
            InputError: there are problems.
        """
        if self.config is None:
            raise InputError(self.problems)
        return self.config


def load_config(path: Path, overrides: Sequence[str] = ()) -> SweepConfig:
    """Read the sweep's file at `path`.

    Args:
        path: A YAML file.
        overrides: ``key.path=value`` strings that replace or add values; values are YAML.

    Raises:
        InputError: everything that is wrong with the file or the overrides.
    """
    whole = secret_file(path)
    raw, problems = read_raw(whole if whole.exists() else path, overrides)
    if problems:
        raise InputError((*problems, *read_config(raw).problems))
    return read_config(raw, may_lack=True).checked()


def secret_file(path: Path) -> Path:
    """Return where the file at `path` of a sweep that has begun is kept with its secrets, for its owner alone."""
    return path.with_name(f"{path.stem}.secret.yaml")


def read_raw(path: Path, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], list[Problem]]:
    """Return what the sweep's file at `path` says, with what is wrong with the `overrides` that could not be applied.

    Raises:
        InputError: the file is not a mapping.
    """
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise InputError.at(str(path), "is not a mapping; legal keys: " + ", ".join(PlainFile.model_fields))
    return raw, _override(raw, overrides)


def parse_config(raw: Mapping[str, Any]) -> SweepConfig:
    """Check a sweep's file that was read already.

    Raises:
        InputError: everything that is wrong with it.
    """
    return read_config(raw).checked()


def overridden(config: SweepConfig, overrides: Sequence[str]) -> SweepConfig:
    """Return `config` with values replaced as in `load_config`.

    Raises:
        InputError: everything that is wrong with the overrides.
    """
    raw = deepcopy(dict(config.raw))
    if problems := _override(raw, overrides):
        raise InputError(problems)
    return parse_config(raw)


def _public(part: Any) -> Any:
    """What of a part of a configuration tells sweeps apart: a password may be changed."""
    return redacted(part.model_dump()) if isinstance(part, TaskSection) else part


def read_config(given: Mapping[str, Any], *, may_lack: bool = False) -> Reading:
    """Check a sweep's file that was read already, as far as it is legal.

    Args:
        given: The file's content with the overrides applied.
        may_lack: Whether the environment may lack variables that it refers to: what needs one tells.
    """
    raw, unset = resolve(given)
    _register_runtimes(raw)
    file, problems, wrong = check_plain(raw)
    problems += [] if may_lack else unset
    name = raw.get("sweep")
    if isinstance(name, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        problems.append(Problem("sweep", f"{shown(name)} is not a name; use letters, digits, '.', '_' and '-'"))
    elif isinstance(name, str) and len(name) > LONGEST_NAME:
        told = f"{name[:20]}… has {len(name)} letters; at most {LONGEST_NAME}, as folders are named by it"
        problems.append(Problem("sweep", told))
    placed = placed_targets(raw, wrong)
    messages = {each.where: runtime_problem(each.section.runtime) for each in placed if "runtime" not in each.unsure}
    problems += [Problem(f"{where}.runtime", message) for where, message in messages.items() if message]
    names = tuple(each.name for each in placed if each.name)
    objectives = _objectives(raw.get("objectives"), names, problems)
    unbounded: list[Problem] = []
    constraints = _constraints(raw.get("constraints"), names, unbounded)
    problems += unbounded
    known = tuple(each for each in placed if "runtime" not in each.unsure and each.section.runtime in RUNTIMES)
    problems += _unmeasured([each for each in known if not messages.get(each.where)], objectives, constraints)
    space, unread = SearchSpace.read(raw["space"], steps_of(raw["space"])) if "space" in raw else (None, [])
    problems += unread
    if space and known:
        space, unsuited = suited(space, targets_of(known))
        problems += unsuited
    if space and not unbounded and "constraints" not in wrong:
        problems += _requirement_problems(space, constraints)
    problems += _budget_problems(raw, wrong)
    problems += _gpu_problems(raw, known, wrong)
    if cluster := read_plain(ClusterSection, raw, "cluster", wrong):
        problems += target_problems(raw, placed, cluster.address)
    config = None
    if file and space and not problems:
        config = SweepConfig(
            given,
            file.sweep,
            file.task,
            space,
            objectives,
            constraints,
            file.exclude,
            file.training,
            targets_of(placed),
            file.search,
            file.cluster,
            file.tracking,
            file.store,
            file.notify,
        )
    return Reading(given, tuple(problems), config, frozenset(wrong), space)


def _register_runtimes(raw: Mapping[str, Any]) -> None:
    """Import the module of the task if the runtime of a target is not known: it may register that."""
    task, target, several = (_mapping(raw.get(key)) for key in ("task", "target", "targets"))
    use = task.get("use")
    runtimes = [_mapping(each).get("runtime") for each in (target, *several.values())]
    unknown = any(isinstance(runtime, str) and runtime not in RUNTIMES for runtime in runtimes)
    if isinstance(use, str) and ":" in use and unknown:
        with suppress(InputError):  # what is wrong with it is told where the task is loaded to be used
            import_module(use.partition(":")[0], use)


def _mapping(given: object) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _unmeasured(
    placed: Iterable[PlacedTarget], objectives: Iterable[Objective], constraints: Iterable[Constraint]
) -> Iterator[Problem]:
    """The objectives and constraints that look at what is never measured for a target."""
    places = [(f"objectives.{objective.name}", objective.name) for objective in objectives]
    places += [(f"constraints.{constraint.name}", constraint.name) for constraint in constraints]
    placed = tuple(placed)
    for where, name in places:
        for each in placed:
            looks = target_of(name) in ("", each.name)
            if looks and (message := metric_problem(bare(name), each.section.value(), each.where)):
                yield Problem(where, message)


def _requirement_problems(space: SearchSpace, constraints: Sequence[Constraint]) -> Iterator[Problem]:
    """Problems of choices of `space` that need one of the `constraints` and do not have it."""
    for required in (required for step in space.steps for required in step.requires):
        name, metric = required.when.name, required.lower_bound_on
        values = [str(value) for value in space.axis(name).values if required.when.holds({name: value})]
        if values and lower_bound(constraints, metric) is None:
            advice = f'needs a lower bound on {metric}, such as constraints: {{{metric}: ">= 0.95"}}'
            yield Problem(f"space.{name}", f"{', '.join(values)} {advice}")


def _budget_problems(raw: Mapping[str, Any], wrong: Collection[str]) -> Iterator[Problem]:
    search, cluster = read_plain(SearchSection, raw, "search", wrong), read_plain(ClusterSection, raw, "cluster", wrong)
    if search is None or cluster is None or "cluster.gpus_per_trial" in wrong:
        return
    if search.budget and not search.budget.per_trial(1, cluster.gpus_per_trial):
        advice = "is never used up, as cluster.gpus_per_trial is 0; raise that, or give a time or cpu-hours"
        yield Problem("search.budget", f"{str(search.budget)!r} {advice}")


def _gpu_problems(raw: Mapping[str, Any], placed: Iterable[PlacedTarget], wrong: Collection[str]) -> Iterator[Problem]:
    """A trial that measures on a GPU has to have one: Ray hides those that it was not given."""
    cluster = read_plain(ClusterSection, raw, "cluster", wrong)
    if cluster is None or "cluster.gpus_per_trial" in wrong or cluster.gpus_per_trial:
        return
    advice = "needs a GPU for each trial; set cluster.gpus_per_trial, such as 1, or 0.25 for four trials on one"
    for each in placed:
        if each.section.value().on_gpu:
            yield Problem(f"{each.where}.device", f"{each.section.device!r} {advice}")


def _objectives(given: object, targets: Sequence[str], problems: list[Problem]) -> tuple[Objective, ...]:
    given = _default_objectives(targets) if given is None else given
    if not isinstance(given, Mapping) or not given:
        problems.append(Problem("objectives", f"{shown(given)} is not a mapping such as {{accuracy: maximize}}"))
        return ()
    found, legal = [], [name for name, each in METRICS.items() if each.objective]
    for name, direction in given.items():
        if message := name_problem(name, targets, legal):
            problems.append(Problem(f"objectives.{name}", message))
        elif not metric(name).objective:
            problems.append(Problem(f"objectives.{name}", f"is only shown; legal objectives: {', '.join(legal)}"))
        elif direction not in get_args(Direction):
            problems.append(Problem(f"objectives.{name}", illegal(direction, get_args(Direction))))
        else:
            found.append(Objective(str(name), cast(Direction, direction)))
    return tuple(found)


def _default_objectives(targets: Sequence[str]) -> dict[str, str]:
    """What is optimised when the file does not say: how fast it is, on each target by itself."""
    found: dict[str, str] = {}
    for name, direction in DEFAULT_OBJECTIVES.items():
        by_target = [f"{name}{AT}{target}" for target in targets] if name == LATENCY else []
        found |= dict.fromkeys(by_target or [name], direction)
    return found


def _constraints(given: object, targets: Sequence[str], problems: list[Problem]) -> tuple[Constraint, ...]:
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        problems.append(Problem("constraints", f'{shown(given)} is not a mapping such as {{accuracy: ">= 0.95"}}'))
        return ()
    found = []
    for name, bound in given.items():
        try:
            constraint = Constraint.parse_bound(str(name), bound, f"constraints.{name}")
        except InputError as error:
            problems += error.problems
            continue
        if message := name_problem(constraint.name, targets):
            problems.append(Problem(f"constraints.{name}", message))
        else:
            found.append(constraint)
    return tuple(found)


def _override(raw: dict[str, Any], overrides: Sequence[str]) -> list[Problem]:
    problems = []
    for override in overrides:
        path, equals, text = override.partition("=")
        where = f"-o {override}"
        *parents, last = path.split(".")
        if not equals or not all([*parents, last]) or len(parents) >= DEEPEST:
            problems.append(Problem(where, "write -o key.path=value"))
            continue
        if not text.strip():
            problems.append(Problem(where, f"no value; write {path}=null for none, or {path}='\"\"' for empty text"))
            continue
        section: Any = raw
        for key in parents:
            section = section.setdefault(key, {}) if isinstance(section, dict) else None
        if not isinstance(section, dict):
            problems.append(Problem(where, f"{'.'.join(parents)} is not a section"))
            continue
        try:
            section[last] = parse_yaml(text)
        except yaml.YAMLError as error:
            problems.append(Problem(where, f"{shown(text)} is not a YAML value: {reason(error)}"))
    return problems
