"""Counts with their nouns, as messages say them: ``1 trial``, ``2,000 trials``."""

from __future__ import annotations

HISSING = ("s", "x", "sh", "tch", "nch", "rch")
"""So end nouns whose plural needs another vowel; ``epochs`` has none."""


def counted(count: int, what: str) -> str:
    """`count` and `what` there are so many of, such as ``3 distinct recipes``.

    Args:
        count: How many there are.
        what: The singular, whose last word is the noun.
    """
    return f"{count:,} {noun(count, what)}"


def noun(count: float, what: str) -> str:
    """`what` in the number that goes with `count`: the singular with one, else the plural."""
    if count == 1:
        return what
    if what.endswith("y") and what[-2] not in "aeiou":
        return f"{what[:-1]}ies"
    return f"{what}{'es' if what.endswith(HISSING) else 's'}"
