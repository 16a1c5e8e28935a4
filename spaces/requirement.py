"""The requirement of a choice on the rest of a sweep's file."""

from __future__ import annotations

from dataclasses import dataclass

from spaces.parameter import When


@dataclass(frozen=True)
class Requirement:
    """A recipe that meets `when` can be made only in a sweep that has a lower bound on a metric.

    Attributes:
        when: Condition on one parameter.
        lower_bound_on: The metric of which a constraint must give the least value.
    """

    when: When
    lower_bound_on: str
