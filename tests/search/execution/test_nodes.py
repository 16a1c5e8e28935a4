import pickle
import threading

import ray

from search.execution.nodes import NodeWatch
from search.execution.whereabouts import forget_whereabouts


def test_ray_tune_may_pickle_it_whatever_the_sweep_holds() -> None:
    lock = threading.Lock()
    watch = NodeWatch(lambda: (lock,))
    assert pickle.loads(pickle.dumps(watch.look))


def test_without_ray_nothing_is_known_and_nothing_raised() -> None:
    watch = NodeWatch(tuple)
    watch.look()
    assert watch.fate(3, wait=False) == ("", "")
    forget_whereabouts(3)
    assert not ray.is_initialized()
