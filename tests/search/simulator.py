"""A sweep without work: stages that only take virtual time, in several slots, with workers that may die."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Mapping

from pipelines import StageKey, StageRun
from search.study.trial import Trial
from search.suggest.queue import StudyQueue
from spaces import Recipe
from tests.search.results import complete

SECONDS = {"teacher": 60.0, "distil": 30.0, "prune": 12.0, "export": 1.0, "quantize": 3.0, "pack": 0.5, "measure": 2.0}


def chain(recipe: Recipe) -> tuple[StageKey, ...]:
    """The stages of the trial of `recipe`, its parent's and the teacher's included, as the evaluator has them."""
    links: list[StageKey] = []
    for each in (recipe, recipe.parent(), Recipe()):
        links.append(StageKey("teacher", "teacher"))
        networks = [step for step in each.steps if step.name != "quantize"]
        prefixes = {step: Recipe(each.steps[: place + 1]).digest for place, step in enumerate(each.steps)}
        links += [StageKey(step.name, f"{step.name}:{prefixes[step]}") for step in networks]
        links.append(StageKey("export", f"export:{Recipe(tuple(networks)).digest}"))
        links += [StageKey("quantize", f"quantize:{each.digest}") for step in each.steps if step.name == "quantize"]
        links.append(StageKey("pack", f"pack:{each.digest}"))
    return tuple(dict.fromkeys(links))


class Simulator:
    """Runs what a queue gives out, in virtual time.

    Args:
        slots: How many trials run at once.
        metrics: What comes of a recipe.
        seconds: What stages take, by name, and measuring.
        dies: Whether the worker dies when it has computed half of a stage: asked with the trial and the stage.
    """

    def __init__(
        self,
        slots: int,
        metrics: Callable[[Recipe], Mapping[str, float]],
        seconds: Mapping[str, float] = SECONDS,
        dies: Callable[[Trial, StageKey], bool] = lambda trial, link: False,
    ) -> None:
        self.slots, self.metrics, self.costs, self.dies = slots, metrics, seconds, dies
        self.store: set[str] = set()
        self.built: Counter[str] = Counter()
        self.building: dict[str, int] = {}
        self.now = self.waiting_s = self.idle_s = self.compute_s = 0.0
        self.begun: list[Trial] = []
        self.ended: list[tuple[float, float, int]] = []

    def stored(self, key: str) -> bool:
        """Whether a result is in the store."""
        return key in self.store

    def run(self, queue: StudyQueue) -> None:
        """Run everything."""
        events: list[tuple[float, int, Callable[[], None]]] = []
        number = itertools.count()
        idle = self.slots

        def at(when: float, do: Callable[[], None]) -> None:
            heapq.heappush(events, (when, next(number), do))

        def advance(trial: Trial, left: list[StageKey], done: list[StageRun], started: float) -> None:
            nonlocal idle
            if not left:
                self.compute_s += self.costs["measure"]
                at(self.now + self.costs["measure"], lambda: end(trial, done, started))
                return
            link, *rest = left
            seconds = self.costs[link.name]
            if link.key in self.store:
                advance(trial, rest, [*done, StageRun(link.name, link.key, seconds, True)], started)
            elif link.key in self.building:  # the store's lock: a second worker waits
                waits = self.now
                waiters.setdefault(link.key, []).append(lambda: resume(trial, left, done, started, waits))
            else:
                self.building[link.key] = trial.number
                if self.dies(trial, link):
                    at(self.now + seconds / 2, lambda: die(trial, link))
                else:
                    at(self.now + seconds, lambda: build(trial, link, rest, done, started))

        waiters: dict[str, list[Callable[[], None]]] = {}

        def resume(trial: Trial, left: list[StageKey], done: list[StageRun], started: float, since: float) -> None:
            self.waiting_s += self.now - since
            advance(trial, left, done, started)

        def release(key: str) -> None:
            del self.building[key]
            for waiter in waiters.pop(key, []):
                waiter()

        def build(trial: Trial, link: StageKey, rest: list[StageKey], done: list[StageRun], started: float) -> None:
            self.store.add(link.key)
            self.built[link.key] += 1
            self.compute_s += self.costs[link.name]
            release(link.key)
            advance(trial, rest, [*done, StageRun(link.name, link.key, self.costs[link.name], False)], started)

        def die(trial: Trial, link: StageKey) -> None:
            nonlocal idle
            self.compute_s += self.costs[link.name] / 2
            queue.retry(trial, "the worker died", self.now)
            idle += 1
            release(link.key)

        def end(trial: Trial, done: list[StageRun], started: float) -> None:
            nonlocal idle
            queue.finish(
                complete(trial.number, started, self.now, dict(self.metrics(trial.recipe)), stages=tuple(done))
            )
            self.ended.append((self.now, self.compute_s, trial.number))
            idle += 1

        while True:
            while idle and (trial := queue.next()):
                idle -= 1
                self.begun.append(trial)
                advance(trial, list(chain(trial.recipe)), [], self.now)
            if not events:
                assert idle == self.slots
                assert not queue.blocked
                return
            then, _, do = heapq.heappop(events)
            self.idle_s += idle * (then - self.now)
            self.now = then
            do()
