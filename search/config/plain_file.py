"""The plain sections of a sweep's file, each read as far as it is legal."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from pipelines import Exclude, Section, Training
from search.config.sections import (
    ClusterSection,
    NotifySection,
    SearchSection,
    StoreSection,
    TargetSection,
    TaskSection,
    TrackingSection,
)
from spaces import Problem, illegal, near_miss, shown

S = TypeVar("S", bound=Section)

TARGET, MOST_TARGETS = r"[A-Za-z][A-Za-z0-9_]{0,23}", 8
"""How a target may be called, and how many there may be: files are named by all of them together."""


class PlainFile(Section):
    """The plain sections of a sweep's file; the others are read by whoever knows what is legal in them."""

    sweep: str
    task: TaskSection
    space: Any
    objectives: Any = None
    constraints: Any = None
    exclude: Exclude = Exclude()
    training: Training = Training()
    target: TargetSection | None = None
    targets: dict[str, TargetSection] | None = None
    search: SearchSection = SearchSection()
    cluster: ClusterSection = ClusterSection()
    tracking: TrackingSection = TrackingSection()
    store: StoreSection = StoreSection()
    notify: NotifySection = NotifySection()

    @field_validator("targets", mode="before")
    @classmethod
    def _targets(cls, targets: Any) -> Any:
        """Some, with names that can stand behind that of a metric."""
        if not isinstance(targets, Mapping):
            return targets
        wrong = [name for name in targets if not (isinstance(name, str) and re.fullmatch(TARGET, name))]
        problem = f"{shown(wrong[0])} is not a name; use 24 letters, digits and '_' at most" if wrong else ""
        if not 0 < len(targets) <= MOST_TARGETS:
            problem = f"has {len(targets)} targets; legal: 1 to {MOST_TARGETS}"
        if problem:
            raise PydanticCustomError("illegal", "{problem}", {"problem": problem})
        return targets


def check_plain(raw: Mapping[str, Any]) -> tuple[PlainFile | None, list[Problem], set[str]]:
    """Check the plain sections of a file.

    Returns:
        The sections, or None if something is wrong with them; every problem; and the key paths of which the value is
        not known: those with a problem, and those that an unknown key seems to mean.
    """
    try:
        return PlainFile.model_validate(dict(raw)), [], set()
    except ValidationError as error:
        details = error.errors()
    meant = {path for detail in details if (path := _meant(detail))}
    found = [(detail, _problem(detail)) for detail in details]
    # What is missing is there, if a key that is not known is a slip of its name.
    told = [problem for detail, problem in found if detail["type"] != "missing" or problem.where not in meant]
    return None, told, {problem.where for problem in told} | meant


def read_plain(kind: type[S], raw: Mapping[str, Any], name: str, wrong: Collection[str]) -> S | None:
    """The section at the key path `name` without the keys that are `wrong`, or None if nothing of it is known."""
    given: Any = raw
    for key in name.split("."):
        given = given.get(key, {}) if isinstance(given, Mapping) else None
    if name in wrong or not isinstance(given, Mapping):
        return None
    try:
        return kind.model_validate({key: value for key, value in given.items() if f"{name}.{key}" not in wrong})
    except ValidationError:
        return None


def _meant(detail: ErrorDetails) -> str | None:
    """The key path that the unknown key of pydantic's finding seems to mean."""
    if detail["type"] != "extra_forbidden":
        return None
    *parents, key = map(str, detail["loc"])
    near = near_miss(key, _legal_keys(parents))
    return ".".join([*parents, near]) if near else None


def _problem(detail: ErrorDetails) -> Problem:
    """One of pydantic's findings in our words."""
    path = [str(part) for part in detail["loc"]]
    where, value, context = ".".join(path), detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "budget" | "illegal":
            return Problem(where, detail["msg"])
        case "extra_forbidden" | "invalid_key":
            return Problem(where, illegal(path[-1], _legal_keys(path[:-1])))
        case "missing":
            return Problem(where, "is missing")
        case "literal_error":
            legal = re.findall(r"'([^']*)'", str(context["expected"]))
            return Problem(where, illegal(value, legal))
        case "bool_type":
            return Problem(where, f"{shown(value)} is neither true nor false")
        case "string_pattern_mismatch":
            return Problem(where, f"{shown(value)} is not a URL such as s3://bucket/folder")
        case "string_too_short":
            return Problem(where, "is empty; leave it out, or give it a value")
        case "string_too_long":
            return Problem(where, f"{shown(value)} has {len(value)} characters; legal: at most {context['max_length']}")
        case "string_type" if path[-1] == "[key]":
            return Problem(".".join(path[:-1]), f"the key {shown(value)} is not text; write it in quotes")
        case "string_type":
            quotes = "; write it in quotes" if isinstance(value, (int, float)) else ""
            return Problem(where, f"{shown(value)} is not text{quotes}")
        case "model_type" | "dict_type":
            keys = _legal_keys(path)
            return Problem(
                where, f"{shown(value)} is not a mapping" + (f"; legal keys: {', '.join(keys)}" if keys else "")
            )
        case _:
            return Problem(where, f"{shown(value)}: {detail['msg']}")


def _legal_keys(path: Sequence[str]) -> list[str]:
    section: Any = PlainFile
    for key in path:
        fields = getattr(section, "model_fields", None)
        section = fields[key].annotation if fields else get_args(section)[-1]  # a mapping's values
        section = (
            next((each for each in get_args(section) if each is not type(None)), section)
            if _is_optional(section)
            else section
        )
    return list(getattr(section, "model_fields", ()))


def _is_optional(kind: Any) -> bool:
    return type(None) in get_args(kind)
