import signal
import weakref
from collections.abc import Iterator

import pytest

from search.execution import interruption


class Thing:
    pass


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interruption.listen()
    yield
    interruption.listen()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_and_is_remembered(number: signal.Signals) -> None:
    interruption.check()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt):
        interruption.check()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_that_python_drops_is_not_lost() -> None:
    thing = Thing()
    watcher = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing  # the callback runs here, and what it raises goes nowhere
    assert watcher() is None
    with pytest.raises(KeyboardInterrupt):
        interruption.check()


def test_a_new_command_knows_nothing_of_an_earlier_interruption() -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    interruption.listen()
    interruption.check()
