"""What a person is told when their input is wrong: every problem at once, each with the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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
        return f"{self.where}: {self.message}"


class InputError(Exception):
    """The person's input is wrong; nothing was started. The command line exits with code 2.

    Args:
        problems: Everything found wrong, in the order of the input.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def at(cls, where: str, message: str) -> InputError:
        """An error made of the one problem `message` at `where`."""
        return cls([Problem(where, message)])

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Problem, ...]]]:
        return (type(self), (self.problems,))


def illegal(value: object, legal: Sequence[object]) -> str:
    """A message saying that `value` is none of `legal`, with the nearest legal one if there is a near miss."""
    near = near_miss(value, legal)
    hint = f" (did you mean {near!r}?)" if near else ""
    return f"{value!r} is not known{hint}; legal: {', '.join(map(str, legal)) or 'nothing'}"


def near_miss(value: object, legal: Sequence[object], near: float = 0.6) -> str | None:
    """The one of `legal` that `value` seems to mean, as text, or None if it resembles none.

    Args:
        value: What was given.
        legal: What there is.
        near: How alike they must be at least, from 0 to 1.
    """
    found = difflib.get_close_matches(str(value), [str(choice) for choice in legal], n=1, cutoff=near)
    return found[0] if found else None
