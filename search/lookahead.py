"""Looking ahead: suggestions that wait, so that the one can be begun that shares most with what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from search.flight import Flight
from search.proposal import Proposal


@dataclass
class _Entry:
    """A suggestion, and how often another was taken before it."""

    proposal: Proposal
    passed: int = 0


class Lookahead:
    """A short queue of suggestions of which the cheapest that nothing blocks goes first.

    The price of a suggestion is the predicted time of what it misses (`Flight.seconds`), so seconds that were measured
    enter the order. No suggestion waits for ever: one that others were taken before as often as the queue is long goes
    before all cheaper ones. That bounds its age too: suggestions are not asked anew when results come in, but none is
    begun later than that, unless it is blocked.

    Args:
        suggest: Asked for one more; None when there are no more.
        flight: What is being computed, and what things take.
    """

    def __init__(self, suggest: Callable[[], Proposal | None], flight: Flight) -> None:
        self._suggest, self._flight = suggest, flight
        self._entries: list[_Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def take(self, length: int) -> Proposal | None:
        """The next suggestion out of `length` of them (as many as there are); None if all are blocked, or none is left.

        Equal ones go in the order in which they were suggested. A queue of one gives suggestions in that order, too.
        """
        while len(self._entries) < length and (proposal := self._suggest()):
            self._entries.append(_Entry(proposal))
        free = [entry for entry in self._entries if self._flight.free(entry.proposal.recipe)]
        if not free:
            return None
        overdue = [entry for entry in free if entry.passed >= length]
        taken = overdue[0] if overdue else min(free, key=lambda entry: self._flight.seconds(entry.proposal.recipe))
        self._entries.remove(taken)
        for entry in self._entries:
            entry.passed += 1
        return taken.proposal
