"""A ledger of time: what each second of some work was spent on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType

OTHER = "other"
"""What is on no other account."""

STARTING = "starting"
"""Loading the task and its data in a process that has not done so yet."""

READING = "reading"
"""Finding results of stages in the store, and verifying them."""

LOADING = "loading"
"""Starting the process that measures, and loading the files there, beside other work."""

MEASURING = "measuring"
"""Having the device alone."""

ACCURACY = "accuracy"
"""Scoring the file."""

PACKING = "packing"
"""Finding out the packed size of a file."""

EXAMINING = "examining"
"""Counting what is in the file, and finding out why a step did not help."""

YIELDING = "yielding"
"""Standing still while others measure."""

FOR_DEVICE, FOR_STAGE, FOR_DRIVER = "waiting_for_device", "waiting_for_stage", "waiting_for_driver"
"""Waiting to measure, for a result that another trial makes, and to be told to go on after a rung."""

FOR_TARGET = "waiting_for_target"
"""Waiting until a file was measured on another machine, for a decision that rests on it."""

WAITS = (YIELDING, FOR_DEVICE, FOR_STAGE, FOR_DRIVER, FOR_TARGET)
"""Accounts on which no work is done."""

_current: ContextVar[Ledger | None] = ContextVar("ledger", default=None)


class Ledger:
    """Keeps account of the seconds of its context: each is on one account, so that all together are its duration.

    `spending` says what the time of a context within is spent on; what is on no account is on `rest`. Within another
    ledger's context it is a part of that one, which gets the accounts when they are closed: there `rest` counts for
    whatever the time was spent on.

    Args:
        rest: The account of what is on no other one.
        clock: Seconds.
    """

    def __init__(self, rest: str = OTHER, clock: Callable[[], float] | None = None) -> None:
        self._rest, self._given = rest, clock
        self._clock: Callable[[], float] = clock or time.perf_counter
        self._seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0
        self._outer: Ledger | None = None
        self._token: Token[Ledger | None] | None = None

    def __enter__(self) -> Ledger:
        self._outer = _current.get()
        self._token = _current.set(self)
        if self._outer and self._given is None:
            self._clock = self._outer._clock
        self._open, self._since = [self._rest], self._clock()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()
        self._open = []
        if self._token:
            _current.reset(self._token)
        if self._outer:
            self._outer._take_over(self)

    @property
    def seconds(self) -> Mapping[str, float]:
        """The seconds on each account, up to the last time that what they are spent on changed."""
        return dict(self._seconds)

    @contextmanager
    def spending(self, account: str) -> Iterator[None]:
        """Put the time of the context on `account`, but for what is put on others within."""
        self._close()
        self._open.append(account)
        try:
            yield
        finally:
            self._close()
            self._open.pop()

    def _close(self) -> None:
        """Put the time since the last change on the account that is open."""
        now = self._clock()
        self._add(self._open[-1], now - self._since)
        self._since = now

    def _add(self, account: str, seconds: float) -> None:
        self._seconds[account] = self._seconds.get(account, 0.0) + seconds

    def _take_over(self, part: Ledger) -> None:
        self._close()
        own = self._open[-1]
        for account, seconds in part._seconds.items():
            if account != part._rest:
                self._add(account, seconds)
                self._add(own, -seconds)


@contextmanager
def spending(account: str) -> Iterator[None]:
    """Put the time of the context on `account` of the ledger in whose context this is; without one, on none."""
    ledger = _current.get()
    if ledger is None:
        yield
        return
    with ledger.spending(account):
        yield
