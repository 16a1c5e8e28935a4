"""A sweep's budget: how much time its trials may take."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from spaces import noun, shown

UNITS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""Seconds in a unit, the largest first."""

LONGEST_DAYS = 10_000

LEGAL_TIME = "a time such as 2h, 90m, 45s, 1d or 1h30m"
LEGAL = f"{LEGAL_TIME}, or work such as 8 gpu-hours or 30 cpu-minutes"

_WORDS = {
    word: unit
    for unit, words in {
        "d": ("d", "day", "days"),
        "h": ("h", "hr", "hrs", "hour", "hours"),
        "m": ("m", "min", "mins", "minute", "minutes"),
        "s": ("s", "sec", "secs", "second", "seconds"),
    }.items()
    for word in words
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)\s*")
_WORK = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(cpu|gpu)[\s-]*([a-z]+)")


@dataclass(frozen=True)
class Budget:
    """Time that the trials of a sweep may take in all.

    Attributes:
        seconds: How much, at least 1.
        of: Of what: ``wall`` is the time during which trials run, ``cpu`` and ``gpu`` are the sum of the times of all
            trials, each times the processors or GPUs that it has.
    """

    seconds: int
    of: Literal["wall", "cpu", "gpu"] = "wall"

    @classmethod
    def parse(cls, value: object) -> Budget:
        """The budget that a person wrote, such as ``2h`` or ``8 gpu-hours``.

        Raises:
            ValueError: it is none; the message says what is legal.
        """
        text = str(value).strip().lower()
        if isinstance(value, bool) or re.fullmatch(r"[-+]?[\d.]+", text):
            raise ValueError(f"{shown(value)} has no unit; legal: {LEGAL}")
        work = _WORK.fullmatch(text)
        parts = [work.group(1, 3)] if work else _PART.findall(text)
        if not parts or (not work and "".join(_PART.split(text)[::3]).strip()) or {u for _, u in parts} - _WORDS.keys():
            raise ValueError(f"{shown(value)} is not a budget; legal: {LEGAL}")
        exact = sum(float(number) * UNITS_S[_WORDS[unit]] for number, unit in parts)
        if exact > LONGEST_DAYS * UNITS_S["d"]:
            raise ValueError(f"{shown(value)} is more than {LONGEST_DAYS} days; legal: {LEGAL}")
        seconds = round(exact)
        if seconds < 1:
            raise ValueError(f"{shown(value)} is less than a second; legal: {LEGAL}")
        return cls(seconds, "wall" if not work else "cpu" if work.group(2) == "cpu" else "gpu")

    def __str__(self) -> str:
        """The one form in which it is shown; `parse` reads it back."""
        if self.of == "wall":
            return duration(self.seconds, parts=len(UNITS_S))
        hours = self.seconds / UNITS_S["h"]
        exact = (f"{hours:.{digits}g}" for digits in range(1, 18))
        shown = next(text for text in exact if round(float(text) * UNITS_S["h"]) == self.seconds and "e" not in text)
        return f"{shown} {noun(float(shown), f'{self.of}-hour')}"

    def per_trial(self, cpus: float, gpus: float) -> float:
        """The number of seconds that a trial with `cpus` processors and `gpus` GPUs uses in a second of its own."""
        return {"wall": 1.0, "cpu": cpus, "gpu": gpus}[self.of]

    def progress(self, used_s: float) -> str:
        """The part of it that is used, such as ``34m of 2h`` or ``3.2 of 8 gpu-hours``."""
        used = duration(used_s) if self.of == "wall" else format(used_s / UNITS_S["h"], ".1f")
        return f"{used} of {self}"


def parse_time(value: object) -> int:
    """The seconds that a person wrote as a time, such as ``90m``.

    Raises:
        ValueError: it is no time; the message says what is legal.
    """
    with suppress(ValueError):
        budget = Budget.parse(value)
        if budget.of == "wall":
            return budget.seconds
    raise ValueError(f"{shown(value)} is not a time; legal: {LEGAL_TIME}, {LONGEST_DAYS} days at most")


def duration(seconds: float, parts: int = 2) -> str:
    """`seconds` for people, such as ``45s``, ``34m`` or ``1h12m``: the largest unit, and `parts` - 1 that follow."""
    units = list(UNITS_S.items())
    first = next((index for index, (_, size) in enumerate(units) if seconds >= size), len(units) - 1)
    kept = units[first : first + parts]
    left, text = round(seconds / kept[-1][1]) * kept[-1][1], ""
    for unit, size in kept:
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text or f"0{kept[-1][0]}"
