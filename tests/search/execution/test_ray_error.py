import subprocess
import sys

import pytest
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    OutOfMemoryError,
    RayActorError,
    RayTaskError,
    RuntimeEnvSetupError,
)

from search.execution.ray_error import error_words, is_memory_kill, is_preempted, is_unreached, start_words

TRACEBACK = (
    "Traceback (most recent call last):\n  File \"mine.py\", line 3\nModuleNotFoundError: No module named 'lost'\n"
)


def raised() -> RayTaskError:
    return RayTaskError("setup", TRACEBACK, ModuleNotFoundError("No module named 'lost'"))


def test_the_exception_of_a_worker_that_could_not_start_is_told() -> None:
    assert error_words(raised()) == "ModuleNotFoundError: No module named 'lost'"
    assert error_words(ActorDiedError(raised())) == "ModuleNotFoundError: No module named 'lost'"


def test_what_keeps_every_worker_from_starting_is_told_apart() -> None:
    assert start_words(ActorDiedError(raised())) == "ModuleNotFoundError: No module named 'lost'"
    assert start_words(RuntimeEnvSetupError("no room")).startswith("Ray cannot unpack your modules there: ")
    assert start_words(raised()) == start_words(ActorDiedError()) == start_words(None) == ""


def test_a_worker_that_died_has_said_nothing() -> None:
    assert error_words(ActorDiedError()) == error_words(None) == ""


def test_want_of_memory_is_told_only_where_ray_says_so() -> None:
    assert is_memory_kill(OutOfMemoryError("Task was killed due to the node running low on memory."))
    assert is_memory_kill(RuntimeError("1 Task was killed due to the node running low on memory."))
    assert not is_memory_kill(ActorDiedError())
    assert not is_memory_kill(None)


def test_a_node_that_is_preempted_or_not_reached_is_known() -> None:
    preempted = RayActorError(preempted=True)
    assert is_preempted(preempted)
    assert not is_preempted(ActorDiedError())
    assert not is_preempted(None)
    assert is_unreached(ActorUnavailableError("Socket closed", None))
    assert not is_unreached(preempted)


PRINTS = """
import search.execution.ray_executor  # it sets what Ray reads when it is imported
from ray._private.worker import print_to_stdstream

died = {"lines": ["A worker died: the process was killed by the OOM killer"], "pid": "raylet", "is_err": False}
print_to_stdstream({**died, "ip": "127.0.0.1", "job": None}, ignore_prefix=False)
"""


@pytest.mark.slow
def test_what_ray_prints_of_a_dead_worker_is_not_shown() -> None:
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
