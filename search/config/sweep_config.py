"""A sweep's file, read and checked: every problem is reported at once, each with its place and what is legal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipelines import METRICS, STEPS, Section, Target, Training, runtime_problem, scheme_problem
from pipelines.meters import Direction
from search.config.objective import Constraint, Objective, lower_bound
from search.config.sections import (
    ClusterSection,
    SearchSection,
    StoreSection,
    TargetSection,
    TaskSection,
    TrackingSection,
)
from search.config.yaml_file import read_yaml
from spaces import InputError, Problem, SearchSpace, digest, illegal


class _File(Section):
    """The plain sections of a sweep's file; the others are read by whoever knows what is legal in them."""

    sweep: str
    task: TaskSection
    space: Any
    objectives: Any = None
    constraints: Any = None
    training: Training = Training()
    target: TargetSection = TargetSection()
    search: SearchSection = SearchSection()
    cluster: ClusterSection = ClusterSection()
    tracking: TrackingSection = TrackingSection()
    store: StoreSection = StoreSection()


DEFAULT_OBJECTIVES = {"accuracy": "maximize", "latency_ms": "minimize", "size_mb": "minimize"}

IDENTITY = ("task", "space", "objectives", "constraints", "training", "target")
"""The sections that say what a sweep is: with another value of one of them its trials could not be compared."""


@dataclass(frozen=True)
class SweepConfig:
    """A sweep as asked for, checked.

    Attributes:
        raw: The file's content with the overrides applied: what is kept beside the study and in MLflow.
        sweep: The sweep's name.
    """

    raw: Mapping[str, Any]
    sweep: str
    task: TaskSection
    space: SearchSpace
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    training: Training
    target: Target
    search: SearchSection
    cluster: ClusterSection
    tracking: TrackingSection
    store: StoreSection

    @property
    def optional_metrics(self) -> tuple[str, ...]:
        """Optimised or constrained metrics that not every machine can measure."""
        names = dict.fromkeys([o.name for o in self.objectives] + [c.name for c in self.constraints])
        return tuple(name for name in names if METRICS[name].optional)

    @property
    def experiment(self) -> str:
        """The name of the MLflow experiment."""
        return self.tracking.experiment or self.sweep

    def differences(self, other: SweepConfig) -> list[str]:
        """What keeps this configuration from going on with the trials of `other`: key paths, in order."""
        changed = [part for part in IDENTITY if getattr(self, part) != getattr(other, part)]
        return changed + (["search.seed"] if self.search.seed != other.search.seed else [])

    def dump(self) -> str:
        """The configuration as YAML."""
        return yaml.safe_dump(dict(self.raw), sort_keys=False, allow_unicode=True)

    @property
    def digest(self) -> str:
        """A digest of the file's content."""
        return digest(dict(self.raw))


def load_config(path: Path, overrides: Sequence[str] = ()) -> SweepConfig:
    """Read the sweep's file at `path`.

    Args:
        path: A YAML file.
        overrides: ``key.path=value`` strings that replace or add values; values are YAML.

    Raises:
        InputError: everything that is wrong with the file or the overrides.
    """
    raw = _read(path)
    problems = _override(raw, overrides)
    try:
        config = parse_config(raw)
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    if problems:
        raise InputError(problems)
    return config


def parse_config(raw: Mapping[str, Any]) -> SweepConfig:
    """Check a sweep's file that was read already.

    Raises:
        InputError: everything that is wrong with it.
    """
    problems: list[Problem] = []
    file = None
    try:
        file = _File.model_validate(dict(raw))
    except ValidationError as error:
        problems += [_problem(detail) for detail in error.errors()]
    name, target = raw.get("sweep"), raw.get("target")
    if isinstance(name, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        problems.append(Problem("sweep", f"{name!r} is not a name; use letters, digits, '.', '_' and '-'"))
    runtime = target.get("runtime", "onnxruntime") if isinstance(target, Mapping) else "onnxruntime"
    if isinstance(runtime, str) and (message := runtime_problem(runtime)):
        problems.append(Problem("target.runtime", message))
    objectives = _objectives(raw.get("objectives"), problems)
    constraints = _constraints(raw.get("constraints"), problems)
    space = None
    if "space" in raw:
        try:
            space = SearchSpace.parse(raw["space"], STEPS)
            problems += _unsuited(space, str(runtime))
        except InputError as error:
            problems += error.problems
    if space and "if-needed" in space.axis("pruning.finetune").values and lower_bound(constraints, "accuracy") is None:
        advice = 'if-needed needs a lower bound on accuracy, such as constraints: {accuracy: ">= 0.95"}'
        problems.append(Problem("space.pruning.finetune", advice))
    if file and file.search.budget and not file.search.budget.per_trial(1, file.cluster.gpus_per_trial):
        advice = "is never used up, as cluster.gpus_per_trial is 0; raise that, or give a time or cpu-hours"
        problems.append(Problem("search.budget", f"{str(file.search.budget)!r} {advice}"))
    if problems or file is None or space is None:
        raise InputError(problems)
    return SweepConfig(
        raw,
        file.sweep,
        file.task,
        space,
        objectives,
        constraints,
        file.training,
        file.target.value(),
        file.search,
        file.cluster,
        file.tracking,
        file.store,
    )


def _unsuited(space: SearchSpace, runtime: str) -> list[Problem]:
    """The quantization schemes that the target cannot use."""
    if runtime_problem(runtime):
        return []
    name = "quantization.scheme"
    found = (scheme_problem(str(scheme), runtime) for scheme in space.axis(name).values)
    return [Problem(f"space.{name}", message) for message in found if message]


def _objectives(given: object, problems: list[Problem]) -> tuple[Objective, ...]:
    given = DEFAULT_OBJECTIVES if given is None else given
    if not isinstance(given, Mapping) or not given:
        problems.append(Problem("objectives", f"{given!r} is not a mapping such as {{accuracy: maximize}}"))
        return ()
    found, legal = [], [name for name, metric in METRICS.items() if metric.objective]
    for name, direction in given.items():
        if name not in METRICS:
            problems.append(Problem(f"objectives.{name}", illegal(name, legal)))
        elif not METRICS[name].objective:
            problems.append(Problem(f"objectives.{name}", f"is only shown; legal objectives: {', '.join(legal)}"))
        elif direction not in get_args(Direction):
            problems.append(Problem(f"objectives.{name}", illegal(direction, get_args(Direction))))
        else:
            found.append(Objective(str(name), cast(Direction, direction)))
    return tuple(found)


def _constraints(given: object, problems: list[Problem]) -> tuple[Constraint, ...]:
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        problems.append(Problem("constraints", f'{given!r} is not a mapping such as {{accuracy: ">= 0.95"}}'))
        return ()
    found = []
    for name, bound in given.items():
        try:
            found.append(Constraint.parse_bound(str(name), bound, f"constraints.{name}"))
        except InputError as error:
            problems += error.problems
    return tuple(found)


def _read(path: Path) -> dict[str, Any]:
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise InputError.at(str(path), "is not a mapping; legal keys: " + ", ".join(_File.model_fields))
    return raw


def _override(raw: dict[str, Any], overrides: Sequence[str]) -> list[Problem]:
    problems = []
    for override in overrides:
        path, equals, text = override.partition("=")
        where = f"-o {override}"
        if not equals or not path:
            problems.append(Problem(where, "write -o key.path=value"))
            continue
        *parents, last = path.split(".")
        section: Any = raw
        for key in parents:
            section = section.setdefault(key, {}) if isinstance(section, dict) else None
        if not isinstance(section, dict):
            problems.append(Problem(where, f"{'.'.join(parents)} is not a section"))
            continue
        try:
            section[last] = yaml.safe_load(text)
        except yaml.YAMLError:
            problems.append(Problem(where, f"{text!r} is not a YAML value"))
    return problems


def _problem(detail: ErrorDetails) -> Problem:
    """One of pydantic's findings in our words."""
    path = [str(part) for part in detail["loc"]]
    where, value, context = ".".join(path), detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "budget" | "illegal":
            return Problem(where, detail["msg"])
        case "extra_forbidden":
            return Problem(where, illegal(path[-1], _legal_keys(path[:-1])))
        case "missing":
            return Problem(where, "is missing")
        case "literal_error":
            legal = re.findall(r"'([^']*)'", str(context["expected"]))
            return Problem(where, illegal(value, legal))
        case "greater_than_equal":
            return Problem(where, f"{value!r} is out of range; legal: a number >= {context['ge']:g}")
        case "greater_than":
            return Problem(where, f"{value!r} is out of range; legal: a number > {context['gt']:g}")
        case "int_type" | "int_from_float":
            return Problem(where, f"{value!r} is not a whole number")
        case "float_type":
            return Problem(where, f"{value!r} is not a number")
        case "bool_type":
            return Problem(where, f"{value!r} is neither true nor false")
        case "string_pattern_mismatch":
            return Problem(where, f"{value!r} is not a URL such as s3://bucket/folder")
        case "string_type":
            return Problem(where, f"{value!r} is not text")
        case "model_type" | "dict_type":
            keys = _legal_keys(path)
            return Problem(where, f"{value!r} is not a mapping" + (f"; legal keys: {', '.join(keys)}" if keys else ""))
        case _:
            return Problem(where, f"{value!r}: {detail['msg']}")


def _legal_keys(path: Sequence[str]) -> list[str]:
    section: Any = _File
    for key in path:
        section = section.model_fields[key].annotation
    return list(getattr(section, "model_fields", ()))
