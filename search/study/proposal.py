"""A proposal: a recipe that may become a trial. Nothing is recorded of it before it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search.study.proposer import Proposer
from spaces import Recipe, Value


@dataclass(frozen=True)
class Proposal:
    """A recipe that may be tried next.

    Attributes:
        recipe: What would be done.
        params: The values that were chosen, by full name.
        by: Who proposes it.
    """

    recipe: Recipe
    params: Mapping[str, Value]
    by: Proposer


BASELINE = Proposal(Recipe(), {}, "baseline")
"""The uncompressed teacher, with which every study begins."""
