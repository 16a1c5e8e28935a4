"""Runs trials with Ray Tune, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import ray
import torch
from ray import tune
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipelines import Evaluator, Targets, own_folder
from pipelines.redaction import hidden
from pipelines.tasks.sources import hashes
from pipelines.tasks.task import BUILT_IN
from search.config.memory import memory_words
from search.config.sections import ClusterSection
from search.errors import SweepError
from search.execution.awaited import awaited
from search.execution.base import Base
from search.execution.executor import TrialQueue
from search.execution.hub import start_hub
from search.execution.lane import Lane, LeftToMeasure, MeasuredThere, Place, Places
from search.execution.node_folder import clean
from search.execution.nodes import NodeWatch
from search.execution.notices import Notices
from search.execution.own_processors import METER, kept_off, set_apart
from search.execution.persons_code import PersonsCode
from search.execution.ray_error import first_line, is_memory_kill
from search.execution.ray_session import RaySession
from search.execution.ray_watch import RayDied, RayWatch, dead_process
from search.execution.refused_nodes import RefusedNodes
from search.execution.remote_words import RemoteWords
from search.execution.study_searcher import StudyScheduler, StudySearcher
from search.execution.survey import Terms, survey
from search.execution.trial_limits import TrialLimits
from search.execution.work import Evaluate
from search.execution.worker import Worker, resources

LOG = logging.getLogger(__name__)

EXPERIMENT = "tune"
"""The folder that Ray Tune makes in the executor's own."""

MARKER = "marker"
"""The file by which a node finds out that it sees the driver's workspace."""

TIDY_S = 20.0
"""What is left on nodes is removed within this time, or by the next sweep."""

MAX_DEATHS = 3
"""How often Ray is started again within one run when a process of its own has died."""


class RayExecutor:
    """Runs trials as Ray Tune trials whose workers stay warm from one to the next.

    Args:
        cluster: Where, and with what resources.
        scratch: A folder for what Ray Tune writes; emptied before and after.
        tell: Told in words where files are measured, if there is a choice, and what is waited for.
        nodes: Where is left what nodes there are and what they do, if anywhere; see `search.execution.nodes`.
        log: The file for what Ray itself says; None leaves it on the terminal.
    """

    def __init__(
        self,
        cluster: ClusterSection,
        scratch: Path,
        tell: Callable[[str], None] = LOG.warning,
        nodes: Path | None = None,
        log: Path | None = None,
    ) -> None:
        self._cluster, self._scratch, self._tell, self._nodes = cluster, scratch, tell, nodes
        self._session = RaySession(cluster.address, tell, log)
        self._places: Places | None = None
        self._left: int | None = None
        self._where = ""
        self._kept_off = contextlib.ExitStack()
        self._elsewhere: tuple[str, ...] = ()

    def run(self, queue: TrialQueue, evaluate: Evaluate, results: Path) -> None:
        """See `Executor.run`.

        Raises:
            SweepError: the cluster cannot be reached or has too little for one trial.
        """
        self._decide(evaluate)
        self._session.connect(self._left)
        self._clear_scratch()
        base, slots, deaths = self._base(evaluate, results), self._slots(), 0
        remote_words = RemoteWords(base.hub) if base.hub else None
        alone, refused = set[int](), RefusedNodes(self._fits)
        while not queue.exhausted:
            lane, work = self._lane(evaluate, slots)
            nodes = NodeWatch(lambda: queue.out, self._nodes)
            limits, shares = TrialLimits.of(self._cluster), 0 < self._cluster.gpus_per_trial < 1
            searcher = StudySearcher(
                queue,
                results,
                lane,
                limits,
                shares_gpu=shares,
                nodes=nodes,
                remote_words=remote_words,
                alone=alone,
                refused=refused,
            )
            try:
                self._tuner(searcher, work, base, slots, nodes).fit()
            except (RayDied, Exception) as error:
                if died := dead_process():
                    deaths += 1
                    self._start_again(queue, searcher, died, deaths)
                    continue
                if not isinstance(error, RuntimeError):  # an out-of-memory kill ends the whole fit
                    raise
                searcher.ray_kills = searcher.ray_kills or is_memory_kill(error)
                LOG.warning("Ray Tune stopped (%s); going on%s", first_line(error), self._session.told)
            if lane is not None:
                lane.drop()
            for trial in queue.out:
                searcher.settle(trial)
            if searcher.ended_by:
                raise SweepError(searcher.ended_by)
            if not searcher.given:
                break
        tidy(self._elsewhere)

    def close(self) -> None:
        """See `Executor.close`."""
        self._session.leave()
        self._kept_off.close()
        own_folder.remove(self._scratch)

    @contextlib.contextmanager
    def measuring(self, evaluate: Evaluate) -> Iterator[Evaluate]:
        """Give, for measuring outside of a sweep, what measures where `evaluate` is to: it waits for each measurement.

        Raises:
            SweepError: the cluster cannot be reached.
        """
        if not (isinstance(evaluate, Evaluator) and (places := offered(evaluate.targets))):
            yield evaluate
            return
        with contextlib.closing(self):
            self._tell_places(places)
            self._session.connect(self._left)
            self._tell_if_awaited(places)
            yield MeasuredThere(evaluate, places)

    def _decide(self, evaluate: Evaluate) -> None:
        """Decide where files are measured: before Ray is started, which gives trials what is left."""
        if not isinstance(evaluate, Evaluator) or self._places is not None:
            return
        self._places = places = offered(evaluate.targets)
        self._tell_places(places)
        here = {name: target for name, target in evaluate.targets if name not in places}
        apart = set_apart(self._cluster, tuple(here.values()), torch.cuda.device_count())
        if apart.words:
            self._tell(apart.words)
            self._where = apart.words
        if apart.processors:
            self._left = apart.left
            self._places = {**places, **{name: Place(METER, apart.processors) for name in here}}
            self._kept_off.enter_context(kept_off(apart.processors))

    def _lane(self, evaluate: Evaluate, slots: int) -> tuple[Lane | None, Evaluate]:
        """The lane, if files are measured by another process than their worker, and what workers do then."""
        if not isinstance(evaluate, Evaluator):
            return None, evaluate
        if not self._places:
            return None, replace(evaluate, where=self._where)
        self._tell_if_awaited(self._places)
        apart = any(place.processors for place in self._places.values())
        builds = replace(evaluate, apart=apart, where="" if apart else self._where)
        return Lane(evaluate, self._places, slots), LeftToMeasure(builds, self._places)

    def _base(self, evaluate: Evaluate, results: Path) -> Base:
        """What workers share with this driver.

        Raises:
            SweepError: a node of the cluster cannot be used, or the person's modules are too large to be sent there.
        """
        folder = Path.cwd()
        if self._cluster.address == "local":
            return Base(results, folder)
        code, store = PersonsCode(folder), results.parent / "store"
        if isinstance(evaluate, Evaluator):
            store = evaluate.store.root
            names = () if evaluate.use in BUILT_IN else hashes([evaluate.use.partition(":")[0]])
            code = PersonsCode.loaded(names, store.parent)
        terms = Terms.of(evaluate, self._scratch / MARKER, code)
        measures = {place.resource for place in (self._places or {}).values()}
        reports = survey(terms, self._fits, measures)
        for report in reports:
            for remark in terms.remarks(report):
                self._tell(f"{report}: {remark}")
        if code.files and (without := [str(report) for report in reports if not report.code]):
            environment = code.runtime_env()
            self._tell(f"your modules ({code.folder}) are sent to nodes that have not got them: {names_of(without)}")
            self._session.leave()
            self._session.connect(self._left, environment)
        elsewhere = {report.node: str(report) for report in reports if not report.shares}
        if elsewhere:
            self._tell(
                f"files travel through Ray to and from nodes that do not see {store.parent}: "
                f"{names_of(elsewhere.values())}"
            )
        self._elsewhere = tuple(elsewhere)
        return Base(results, folder, terms, start_hub(store, results))

    def _fits(self, resources: Mapping[str, float]) -> bool:
        """Return True if a node with these resources runs trials."""
        cluster = self._cluster
        return resources.get("CPU", 0) >= cluster.cpus_per_trial and resources.get("GPU", 0) >= cluster.gpus_per_trial

    def _tell_places(self, places: Places) -> None:
        for name, place in places.items():
            self._tell(f"files{f' for {name}' if name else ''} are measured on nodes that offer {place.resource}")

    def _tell_if_awaited(self, places: Places) -> None:
        for resource in dict.fromkeys(place.resource for place in places.values()):
            if resource not in ray.cluster_resources():
                self._tell(awaited(resource))

    def _start_again(self, queue: TrialQueue, searcher: StudySearcher, died: str, deaths: int) -> None:
        """Put another Ray in the place of one that has lost a process."""
        for trial in queue.out:
            searcher.settle(trial)
        self._session.leave()
        if deaths > MAX_DEATHS:
            raise SweepError(
                f"Ray's own process {died} died, and so did one {MAX_DEATHS} times before; most likely they are killed "
                "for want of memory: set cluster.max_concurrent_trials so that fewer trials run at once. "
                f"Nothing that was finished is lost: run the same command to resume{self._session.told}"
            )
        LOG.warning("Ray's own process %s died; starting Ray again and going on%s", died, self._session.told)
        self._session.connect(self._left)

    def _slots(self) -> int:
        """The number of trials that fit on the cluster at once."""
        have = ray.cluster_resources()
        cpus, gpus = self._cluster.cpus_per_trial, self._cluster.gpus_per_trial
        fit = int(have.get("CPU", 0) // cpus)
        if gpus:
            fit = min(fit, int(have.get("GPU", 0) / gpus + 1e-9))
        needs, has = f"{cpus} CPU and {gpus:g} GPU", f"{have.get('CPU', 0):g} CPU and {have.get('GPU', 0):g} GPU"
        keys = "cluster.cpus_per_trial or cluster.gpus_per_trial"
        if memory := self._cluster.memory_per_trial:
            fit = min(fit, int(have.get("memory", 0) // memory))
            needs, has = f"{needs} and {memory_words(memory)}", f"{has} and {memory_words(have.get('memory', 0))}"
            keys += " or cluster.memory_per_trial"
        if not fit:
            raise SweepError(f"no trial fits: one needs {needs}, the cluster has {has}; lower {keys}")
        return min(fit, self._cluster.max_concurrent_trials or fit)

    def _clear_scratch(self) -> None:
        own_folder.remove(self._scratch)
        own_folder.claim(self._scratch, lambda: [path.name for path in self._scratch.iterdir()] == [EXPERIMENT])

    def _tuner(
        self, searcher: StudySearcher, evaluate: Evaluate, base: Base, slots: int, nodes: NodeWatch
    ) -> tune.Tuner:
        shutil.rmtree(self._scratch / EXPERIMENT, ignore_errors=True)
        worker = tune.with_parameters(
            Worker,
            evaluate=evaluate,
            base=base,
            limits=TrialLimits.of(self._cluster),
            secrets=hidden(),
            threads=self._cluster.cpus_per_trial,
            path=[entry for entry in sys.path if entry not in ("", str(Path.cwd()))],
        )
        return tune.Tuner(
            tune.with_resources(worker, partial(resources, self._cluster)),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=StudyScheduler(searcher),
                num_samples=-1,
                max_concurrent_trials=slots,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: str(trial.trial_id),
            ),
            run_config=tune.RunConfig(
                name=EXPERIMENT,
                storage_path=str(self._scratch),
                verbose=0,
                callbacks=[
                    RayWatch(Notices(base.results), searcher.take_measured, nodes.look, started=searcher.started)
                ],
                # A dead worker's trial is given out again by the queue, which knows whether a result was written.
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )


def offered(targets: Targets) -> Places:
    """The places of those of `targets` that are measured where nodes offer a resource."""
    return {name: Place(target.resource) for name, target in targets if target.resource}


def tidy(nodes: Sequence[str]) -> None:
    """Remove from `nodes` what killed workers have left there; what is not reached, the next sweep there removes."""
    there = [NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
    with contextlib.suppress(RayError):
        ray.get(
            [ray.remote(clean).options(num_cpus=0, scheduling_strategy=each).remote() for each in there], timeout=TIDY_S
        )


def names_of(hosts: Iterable[str]) -> str:
    """Return the names of machines in a line."""
    listed = list(dict.fromkeys(hosts))
    return ", ".join([*listed[:5], *([f"and {len(listed) - 5} more"] if len(listed) > 5 else [])])
