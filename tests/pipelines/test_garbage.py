import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from pipelines.garbage import collect, no_collection


@pytest.fixture(autouse=True)
def little_to_look_at() -> Iterator[None]:
    """What other tests have loaded is no garbage, and takes long to look at."""
    gc.freeze()
    yield
    gc.unfreeze()


def test_nothing_is_collected_until_the_end() -> None:
    assert gc.isenabled()
    with no_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_does_not_keep_it_off() -> None:
    with pytest.raises(RuntimeError), no_collection():
        raise RuntimeError
    assert gc.isenabled()


def test_it_stays_off_where_it_was_off() -> None:
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


class Slow:
    """Takes long to free."""

    def __init__(self, begun: threading.Event, end: threading.Event) -> None:
        self.itself, self.begun, self.end = self, begun, end

    def __del__(self) -> None:
        self.begun.set()
        self.end.wait(60)


def test_a_collection_that_another_thread_has_begun_is_waited_for() -> None:
    begun, end, ended = threading.Event(), threading.Event(), []
    gc.collect()
    with no_collection():
        Slow(begun, end)
        other = threading.Thread(target=gc.collect)
        other.start()
        assert begun.wait(60)
        cycle: list[object] = []
        cycle.append(cycle)

        def wait() -> None:
            collect()
            ended.append(time.monotonic())

        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.05)
        assert ended == []
        end.set()
        waiting.join(60)
        other.join(60)
    assert len(ended) == 1


def test_all_garbage_is_collected_though_nothing_else_may_collect() -> None:
    class Thing:
        pass

    with no_collection():
        thing = Thing()
        thing.itself = thing
        remains = weakref.ref(thing)
        del thing
        collect()
        assert remains() is None
