"""References to the environment in a sweep's file: ``${HF_TOKEN}`` stands for what should not stand in a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from pipelines.redaction import hide, is_secret_name, secrets_in
from spaces import Problem

PLACES = ("task.args", "tracking.uri", "store.url", "notify")
"""Where references are understood."""

_REFERENCE = re.compile(r"\$\{(\w+)\}")


def resolve(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Put what the environment says in the place of references, and see that secrets are told to nobody.

    Returns:
        The file's content; and a problem for each variable that is not set, whose reference stays.
    """
    problems: list[Problem] = []
    data = dict(raw)
    for place in PLACES:
        section, _, key = place.partition(".")
        given = data.get(section)
        if not key:
            data = {**data, section: _resolved(given, place, problems)} if section in data else data
        elif isinstance(given, Mapping) and key in given:
            data = {**data, section: {**given, key: _resolved(given[key], place, problems)}}
        hide(*secrets_in(_at(data, section, key)))
    return data, problems


def _at(data: Mapping[str, Any], section: str, key: str) -> Any:
    given = data.get(section)
    return given.get(key) if key and isinstance(given, Mapping) else given


def _resolved(value: Any, where: str, problems: list[Problem]) -> Any:
    if isinstance(value, Mapping):
        return {key: _resolved(each, f"{where}.{key}", problems) for key, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each, f"{where}[{index}]", problems) for index, each in enumerate(value)]
    if not isinstance(value, str):
        return value

    def found(reference: re.Match[str]) -> str:
        name = reference.group(1)
        if name not in os.environ:
            problems.append(Problem(where, f"the environment variable {name} is not set; set it: export {name}=…"))
            return reference.group()
        if is_secret_name(name):
            hide(os.environ[name])
        return os.environ[name]

    return _REFERENCE.sub(found, value)
