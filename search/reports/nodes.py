"""The nodes of a running sweep, for people: what they have, how much of it is taken, and what runs where."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.config.budget import duration

OLD_S = 60.0
"""What is older than this is told with its age: the driver leaves it every few seconds."""


def read_nodes(file: Path) -> dict[str, Any]:
    """Return what the driver of a sweep has left of its nodes: ``at`` and ``nodes``; without nodes, if nothing."""
    try:
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"at": None, "nodes": []}
    return data


def node_lines(found: Mapping[str, Any], now: float | None = None) -> list[str]:
    """Return a line for each node of `found`, which `read_nodes` gave; `now` is in seconds since the epoch."""
    lines = [_line(node) for node in found["nodes"]]
    age_s = (time.time() if now is None else now) - (found["at"] or 0)
    return [*lines, f"(seen {duration(age_s)} ago)"] if lines and age_s > OLD_S else lines


def _line(node: Mapping[str, Any]) -> str:
    has = [f"{node['cpus_used']:g} of {node['cpus']:g} CPU"]
    if node["gpus"]:
        kind = f" ({node['gpu_type']})" if node["gpu_type"] else ""
        has.append(f"{node['gpus_used']:g} of {node['gpus']:g} GPU{kind}")
    going = "; it is to go" if node["is_going"] else ""
    runs = ", ".join(map(_trial, node["trials"])) or "no trial of this sweep"
    return f"node {node['node']} ({node['ip']}): {', '.join(has)} taken{going}; runs {runs}"


def _trial(place: Mapping[str, Any]) -> str:
    gpus = ", ".join(map(str, place["gpus"]))
    return f"trial {place['trial']}{f' on GPU {gpus}' if gpus else ''}"
