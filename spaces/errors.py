"""Errors of a person's input: every problem at once, each with the next step, within a screen."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from reprlib import Repr

from spaces.counted import counted

MOST_PROBLEMS = 20
"""How many problems are told at once: more are no help, and would push the first ones off the screen."""

MOST_CHOICES = 40
"""How many legal values are listed."""

LONGEST_PLACE, LONGEST_MESSAGE = 120, 1_000
"""Characters of a problem's place and message; what is longer is cut in the middle."""


class _Short(Repr):
    """Writes as files do: ``null`` and ``true``."""

    def repr_NoneType(self, value: None, level: int) -> str:  # noqa: N802 - Repr looks for the type's name
        return "null"

    def repr_bool(self, value: bool, level: int) -> str:
        return str(value).lower()


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist = 3, 4, 6


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input.

    Attributes:
        where: The key path (``search.trials``), file or option that is wrong.
        message: What is wrong with it and what would be legal.
    """

    where: str
    message: str

    def __str__(self) -> str:
        return f"{cut(_line(self.where), LONGEST_PLACE)}: {cut(_line(self.message), LONGEST_MESSAGE)}"


class InputError(Exception):
    """The person's input is wrong; nothing was started. The command line exits with code 2.

    Args:
        problems: Everything found wrong, in the order of the input.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(self.lines()))

    @classmethod
    def at(cls, where: str, message: str) -> InputError:
        """An error made of the one problem `message` at `where`."""
        return cls([Problem(where, message)])

    def lines(self) -> list[str]:
        """The problems as a person is told them: the first `MOST_PROBLEMS`, and how many more there are."""
        told = [str(problem) for problem in self.problems[:MOST_PROBLEMS]]
        more = len(self.problems) - len(told)
        return told + ([f"and {counted(more, 'more problem')}"] if more else [])

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Problem, ...]]]:
        return (type(self), (self.problems,))


def illegal(value: object, legal: Sequence[object]) -> str:
    """A message saying that `value` is none of `legal`, with the nearest legal one if there is a near miss."""
    near = near_miss(value, legal)
    hint = f" (did you mean {near!r}?)" if near else ""
    return f"{shown(value)} is not known{hint}; legal: {listed(legal) or 'nothing'}"


def near_miss(value: object, legal: Sequence[object], near: float = 0.6) -> str | None:
    """The one of `legal` that `value` seems to mean, as text, or None if it resembles none.

    Args:
        value: What was given.
        legal: What there is.
        near: How alike they must be at least, from 0 to 1.
    """
    text, names = cut(str(value), LONGEST_PLACE), {str(choice).casefold(): str(choice) for choice in legal}
    if text in names.values():  # as it nearly always is where the past is read
        return text
    found = difflib.get_close_matches(text.casefold(), names, n=1, cutoff=near)
    return names[found[0]] if found else None


def shown(value: object) -> str:
    """`value` as a file has it, short enough for a message: what is long or deep is cut."""
    return _SHORT.repr(value)


def listed(values: Sequence[object], most: int = MOST_CHOICES) -> str:
    """`values` with commas between them, the first `most` of them and how many more there are."""
    more = len(values) - most
    return ", ".join(map(str, islice(values, most))) + (f", … ({more} more)" if more > 0 else "")


def _line(text: str) -> str:
    return " ".join(text.splitlines())


def cut(text: str, most: int) -> str:
    """`text`, without its middle if it has more than `most` characters."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"
