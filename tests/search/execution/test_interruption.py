import signal
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from search.execution import interruption


class Thing:
    pass


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
    for number in interruption.SIGNALS:  # under nohup one of them is ignored
        signal.signal(number, signal.SIG_DFL)
    interruption.listen()
    yield
    interruption.listen()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_signal_interrupts_and_is_remembered(number: signal.Signals) -> None:
    interruption.check()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt):
        interruption.check()
    assert interruption.exit_code() == 128 + number


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


def test_a_second_signal_does_not_break_off_what_the_first_has_begun() -> None:
    done = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            done.append("stopped the workers")
            try:
                raise OSError("away")
            except OSError:
                signal.raise_signal(signal.SIGHUP)
                done.append("closed the log")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["stopped the workers", "closed the log"]
    assert interruption.exit_code() == 143


def test_a_second_signal_interrupts_where_the_first_was_dropped() -> None:
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_signal_can_be_put_off() -> None:
    done = []

    def leave() -> None:
        with interruption.put_off():
            signal.raise_signal(signal.SIGINT)
            done.append("left Ray")

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert done == ["left Ray"]
    with interruption.put_off():
        pass  # of what came before, whoever stops knows already


def test_an_error_is_not_hidden_by_a_signal_that_was_put_off() -> None:
    def leave() -> None:
        with interruption.put_off():
            signal.raise_signal(signal.SIGINT)
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        leave()


def test_handlers_that_a_library_has_replaced_are_put_back() -> None:
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    interruption.listen_again()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_who_does_not_listen_keeps_its_handlers() -> None:
    interruption.stop_listening()
    assert [signal.getsignal(number) for number in interruption.SIGNALS] == [signal.SIG_DFL] * 3
    interruption.listen_again()
    assert [signal.getsignal(number) for number in interruption.SIGNALS] == [signal.SIG_DFL] * 3


def test_nohup_is_respected() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interruption.listen()
    signal.raise_signal(signal.SIGHUP)
    interruption.check()
