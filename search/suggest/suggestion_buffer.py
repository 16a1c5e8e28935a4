"""Looking ahead: further suggestions are asked for when the first would have to wait for what others compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from search.study.proposal import Proposal
from search.suggest.in_flight import InFlight


@dataclass
class _Entry:
    """A suggestion, and how often another was taken before it."""

    proposal: Proposal
    passed: int = 0


class SuggestionBuffer:
    """A short queue of suggestions, of which the cheapest that nothing blocks goes first.

    A suggestion is asked for only when none that waits is free: with one trial at a time suggestions come in the order
    of the sampler, and otherwise only those wait that were blocked. A long queue that is kept full would be staler: its
    suggestions are made before results that would have changed them, and in replays that cost more than choosing the
    cheapest of many brought.

    The price of a suggestion is the predicted time of what it misses (`InFlight.seconds`), so seconds that were
    measured enter the order. No suggestion waits for ever: one that others were taken before as often as the queue may
    be long goes before all cheaper ones as soon as it is free.

    Args:
        suggest: Asked for one more; None when there are no more.
        in_flight: What is being computed, and what things take.
    """

    def __init__(self, suggest: Callable[[], Proposal | None], in_flight: InFlight) -> None:
        self._suggest, self._in_flight = suggest, in_flight
        self._entries: list[_Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def pop(self, length: int) -> Proposal | None:
        """The next suggestion, out of `length` at most that may wait; None if all are blocked, or none is left.

        Equal ones go in the order in which they were suggested. A queue of one gives suggestions in that order, too.
        """
        free = [entry for entry in self._entries if self._in_flight.free(entry.proposal.recipe)]
        while not free and len(self._entries) < length and (proposal := self._suggest()):
            self._entries.append(_Entry(proposal))
            free = self._entries[-1:] if self._in_flight.free(proposal.recipe) else []
        if not free:
            return None
        overdue = [entry for entry in free if entry.passed >= length]
        taken = overdue[0] if overdue else min(free, key=lambda entry: self._in_flight.seconds(entry.proposal.recipe))
        self._entries.remove(taken)
        for entry in self._entries:
            entry.passed += 1
        return taken.proposal
