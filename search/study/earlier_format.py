"""Earlier versions' forms of what lies in journals and result files, as data of today's form.

Until outcomes had types, a result had the numbers beside its other keys, and two strings told how the trial had ended:
`reason` and `stopped`, both empty if it was complete. Until the vocabulary changed, `notes` were called `facts`,
`fidelity` was `share`, `rung_stages` was `climbed`, and the proposer `suffix` was `leaf`. Until every second was on an
account, `waiting` was waiting for the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pipelines.ledger import FOR_DEVICE
from search.study.proposer import Proposer

PROPOSERS: Mapping[str, Proposer] = {"leaf": "suffix", **{name: name for name in get_args(Proposer)}}

RENAMED = {"facts": "notes", "share": "fidelity", "climbed": "rung_stages"}

MEASURED = ("metrics", "intervals", "notes")
"""The maps of a measurement: results and rungs used to have them among their own keys."""

ENDED = (*MEASURED, "reason", "stopped", "details", "model")
"""The keys of a result that are the outcome's now."""


def todays_result(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A result's `data` in today's form: as it is, if it has an outcome."""
    data = {**data, "seconds": _accounts(data.get("seconds", {}))}
    if "outcome" in data:
        return data
    named = _renamed(data)
    return {**{key: value for key, value in named.items() if key not in ENDED}, "outcome": _outcome(named)}


def todays_rung(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rung's `data` in today's form: as it is, if it has a measurement."""
    if "measurement" in data:
        return data
    named = _renamed(data)
    return {"fidelity": named["fidelity"], "measurement": _measurement(named)}


def todays_proposer(name: str | None, number: int) -> Proposer:
    """The proposer of trial `number`; studies of before there were suffix variants do not name one."""
    return PROPOSERS[name] if name else "sampler" if number else "baseline"


def _accounts(seconds: Mapping[str, float]) -> Mapping[str, float]:
    return {FOR_DEVICE if name == "waiting" else name: spent for name, spent in seconds.items()}


def _renamed(data: Mapping[str, Any]) -> dict[str, Any]:
    return {RENAMED.get(key, key): value for key, value in data.items()}


def _outcome(result: Mapping[str, Any]) -> dict[str, Any]:
    if stopped := result.get("stopped"):
        return {"state": "stopped", "reason": stopped}
    if reason := result.get("reason"):
        return {"state": "failed", "reason": reason, "details": result.get("details", "")}
    return {"state": "complete", "measurement": _measurement(result), "model": result.get("model", "")}


def _measurement(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data.get(name, {}) for name in MEASURED}
