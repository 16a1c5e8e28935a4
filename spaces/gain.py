"""The gains that a technique can bring."""

from __future__ import annotations

from dataclasses import dataclass

from spaces.parameter import When


@dataclass(frozen=True)
class Gain:
    """A recipe that meets `when` is better than the one without that technique in `metrics` at most.

    Attributes:
        when: What chooses the technique.
        metrics: Every metric that it can improve.
        more_with: Beside what it may improve anything.
    """

    when: When
    metrics: tuple[str, ...]
    more_with: tuple[When, ...] = ()
