"""The limits of a trial: how long it may work, how long each of its stages may, and how much memory it may use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pipelines import Evaluation
from pipelines.time_limit import GRACE_S, stages_limited, time_limit
from search.config.budget import duration
from search.config.memory import memory_words
from search.config.sections import ClusterSection
from search.execution.gpu_memory import lacks_gpu_memory
from search.execution.trial_memory import used_bytes
from search.execution.work import Evaluate
from spaces import Recipe

LOOK_S = 0.5
"""How often it is looked what memory a trial uses: what grows beyond it faster is left to Ray and to the kernel."""

LESS_GRACE_S = 5.0
"""How long a trial that uses too much memory may go on if it does not stop: others may lack it."""


@dataclass(frozen=True)
class TrialLimits:
    """The limits of each trial of a sweep.

    Attributes:
        timeout_s: How long its worker may work on it; without end, if None.
        memory: How many bytes its worker, and what that has started, may hold; no limit, if None.
    """

    timeout_s: float | None = None
    memory: int | None = None

    @classmethod
    def of(cls, cluster: ClusterSection) -> TrialLimits:
        """The limits that a sweep's file asks for."""
        return cls(cluster.trial_timeout, cluster.memory_per_trial)

    @property
    def grace_s(self) -> float:
        """How long after its time a trial may go on if it does not stop, until its process is ended."""
        return min(GRACE_S, max(LESS_GRACE_S, (self.timeout_s or 0) / 10))

    @property
    def late(self) -> str:
        """What is told of a trial whose time is up."""
        return (
            f"the trial took more than {duration(self.timeout_s or 0)} and was ended (cluster.trial_timeout); if it "
            "did not hang, raise that"
        )


UNLIMITED = TrialLimits()


class Bounded:
    """Evaluates the recipe of one trial within its limits; its time begins when this is made.

    What a limit stops raises `TrialFailed`.

    Args:
        evaluate: What a worker does with a recipe.
        limits: The limits.
        stages_s: How long each kind of stage may take, in seconds; others are not bounded.
        used: Tells the bytes that are held, at least if they are more than its argument.

    Attributes:
        lacked_gpu_memory: Whether its GPU had too little memory left.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        limits: TrialLimits,
        stages_s: Mapping[str, float],
        used: Callable[[int], int] = used_bytes,
    ) -> None:
        self._evaluate, self._limits, self._stages_s, self._used = evaluate, limits, stages_s, used
        self.lacked_gpu_memory = False
        self._began, self._began_at = time.monotonic(), time.time()

    @property
    def killed_at(self) -> float | None:
        """When the process is ended if the trial does not stop, in seconds since the epoch; None if never."""
        if self._limits.timeout_s is None:
            return None
        return self._began_at + self._limits.timeout_s + self._limits.grace_s

    def __call__(self, recipe: Recipe, fidelity: float = 1.0) -> Evaluation:
        """See `search.execution.work.Evaluate`."""
        with ExitStack() as stack:
            if self._limits.timeout_s is not None:
                left_s = self._limits.timeout_s - (time.monotonic() - self._began)
                stack.enter_context(time_limit(left_s, "the trial", self._limits.late, self._limits.grace_s))
            if self._limits.memory is not None:
                stack.enter_context(_memory_limit(self._limits.memory, self._used))
            stack.enter_context(stages_limited(self._stages_s))
            try:
                return self._evaluate(recipe) if fidelity == 1 else self._evaluate(recipe, fidelity)
            except Exception as error:
                self.lacked_gpu_memory = lacks_gpu_memory(error)
                raise


@contextmanager
def _memory_limit(limit: int, used: Callable[[int], int]) -> Iterator[None]:
    """Stop the block if this process holds more than `limit` bytes.

    Raises:
        TrialFailed: it does.
    """
    done = threading.Event()

    def look(stop: Callable[[str], None]) -> None:
        while not done.wait(LOOK_S):
            if (now := used(limit)) > limit:
                stop(
                    f"the trial used {memory_words(now)} of memory, more than the {memory_words(limit)} of "
                    "cluster.memory_per_trial, and was ended; use a smaller batch, or raise that"
                )
                return

    with time_limit(float("inf"), "the trial", grace_s=LESS_GRACE_S) as stop:
        looking = threading.Thread(target=look, args=(stop,), name="memory-limit", daemon=True)
        looking.start()
        try:
            yield
        finally:
            done.set()
            looking.join()
