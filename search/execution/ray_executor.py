"""Runs trials with Ray Tune, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

# Ray reads these when it is imported or started. The loggers write files that nothing reads, and the snapshots of the
# experiment are rewritten whole each time: the study is what is kept. What Ray prints on standard output when a worker
# has died is a guess.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1000000")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
import torch
from ray import tune
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipelines import Evaluator, Targets, own_folder
from pipelines.garbage import collect, no_collection
from pipelines.processors import processors
from pipelines.redaction import hidden, hide
from pipelines.tasks.sources import hashes
from pipelines.tasks.task import BUILT_IN
from pipelines.waiting import say_with
from search.config.memory import memory_words
from search.config.sections import ClusterSection
from search.errors import FullDiskError, SweepError, is_full
from search.execution import interruption
from search.execution.awaited import awaited
from search.execution.base import Base, Settled, cannot_write
from search.execution.executor import TrialQueue
from search.execution.gpu_memory import free_gpu_memory
from search.execution.hub import CALLS, Hub
from search.execution.lane import Lane, LeftToMeasure, MeasuredThere, Place, Places
from search.execution.last_words import last_words
from search.execution.node_folder import clean
from search.execution.nodes import NodeWatch
from search.execution.notices import Notices
from search.execution.outbox import OwnOutbox
from search.execution.own_processors import METER, kept_off, set_apart
from search.execution.persons_code import PersonsCode
from search.execution.ray_error import first_line, is_memory_kill
from search.execution.ray_watch import RayDied, RayWatch, dead_process, end_unfinished
from search.execution.remote_words import RemoteWords
from search.execution.rung_runner import RungRunner
from search.execution.study_searcher import CROWDED, ENDS, RUNG, StudyScheduler, StudySearcher
from search.execution.survey import Terms, survey
from search.execution.trial_limits import Bounded, TrialLimits
from search.execution.whereabouts import tell_whereabouts
from search.execution.work import Evaluate
from search.study.outcome import Failed

LOG = logging.getLogger(__name__)

PACKAGES = Path(__file__).resolve().parents[2]
"""Where Paredown's packages lie."""

EXPERIMENT = "tune"
"""The folder that Ray Tune makes in the executor's own."""

MARKER = "marker"
"""The file by which a node finds out that it sees the driver's workspace."""

TIDY_S = 20.0
"""What is left on nodes is removed within this time, or by the next sweep."""

MAX_DEATHS = 3
"""How often Ray is started again within one run when a process of its own has died."""

STARTS = 3
"""How often Ray is started in all if it is slow to start."""

SLOW = "timed out during startup"
"""Part of what Ray says then."""


class RayExecutor:
    """Runs trials as Ray Tune trials whose workers stay warm from one to the next.

    Args:
        cluster: Where, and with what resources.
        scratch: A folder for what Ray Tune writes; emptied before and after.
        tell: Told in words where files are measured, if there is a choice, and what is waited for.
        nodes: Where is left what nodes there are and what they do, if anywhere; see `search.execution.nodes`.
    """

    def __init__(
        self,
        cluster: ClusterSection,
        scratch: Path,
        tell: Callable[[str], None] = LOG.warning,
        nodes: Path | None = None,
    ) -> None:
        self._cluster, self._scratch, self._tell, self._nodes = cluster, scratch, tell, nodes
        self._places: Places | None = None
        self._left: int | None = None
        self._where = ""
        self._kept_off = contextlib.ExitStack()
        self._joined = False
        self._elsewhere: tuple[str, ...] = ()

    def run(self, queue: TrialQueue, evaluate: Evaluate, results: Path) -> None:
        """See `Executor.run`.

        Raises:
            SweepError: the cluster cannot be reached or has too little for one trial.
        """
        self._decide(evaluate)
        self._connect()
        self._clear_scratch()
        base, slots, deaths = self._base(evaluate, results), self._slots(), 0
        remote_words = RemoteWords(base.hub) if base.hub else None
        alone = set[int]()
        while not queue.exhausted:
            lane, work = self._lane(evaluate, slots)
            nodes = NodeWatch(lambda: queue.out, self._nodes)
            limits, shares = TrialLimits.of(self._cluster), 0 < self._cluster.gpus_per_trial < 1
            searcher = StudySearcher(
                queue, results, lane, limits, shares_gpu=shares, nodes=nodes, remote_words=remote_words, alone=alone
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
                LOG.warning("Ray Tune stopped (%s); going on", first_line(error))
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
        if self._joined:
            leave()
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
            self._connect()
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
            leave()
            self._connect(environment)
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

    def _connect(self, environment: Mapping[str, Any] | None = None) -> None:
        for name in ("ray", "ray.tune"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        address = self._cluster.address
        if ray.is_initialized():
            raise SweepError(
                "Ray is in use by this process already: if the task's module calls ray.init(), take that out, as a "
                "sweep starts Ray itself; in a notebook call ray.shutdown() first"
            )
        self._joined = True
        try:
            # Ray lets workers import from the current folder before anything else. There a person's module may have the
            # name of one of Python's, or of ours.
            with contextlib.chdir(PACKAGES):
                self._init(
                    num_cpus=(self._left or processors()) if address == "local" else None,
                    resources={METER: 1} if self._left else None,
                    address=address,  # without one, Ray would join whatever cluster was started last on this machine
                    include_dashboard=False if address == "local" else None,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    configure_logging=True,
                    runtime_env=environment,
                )
            interruption.listen_again()  # Ray has put handlers of its own in place
        except SystemExit as ending:  # by which it ends the process meanwhile
            if ending.code != signal.SIGTERM:
                raise
            interruption.note(signal.SIGTERM)
            raise KeyboardInterrupt from None
        except Exception as error:  # Ray's connection errors have no common base
            if address == "local":
                raise SweepError(f"cannot start Ray on this machine: {first_line(error)}; {_way_out(error)}") from error
            raise SweepError(
                f"cannot reach Ray at {address!r}: {first_line(error)}; "
                "check cluster.address and that 'ray status' answers there "
                "(set RAY_AUTH_MODE=token if the cluster asks for a token, as one does that was started where "
                "~/.ray/auth_token exists)"
            ) from error

    def _init(self, **settings: Any) -> None:
        """Start or join Ray, which gives up after half a minute: on a busy machine that is tried again."""
        for left in reversed(range(STARTS)):
            try:
                ray.init(**settings)
                return
            except Exception as error:  # Ray raises no other type
                if SLOW not in str(error) or not left:
                    raise
                self._tell("Ray is slow to start, as this machine is busy: trying again")
                end_unfinished(error)

    def _start_again(self, queue: TrialQueue, searcher: StudySearcher, died: str, deaths: int) -> None:
        """Put another Ray in the place of one that has lost a process."""
        for trial in queue.out:
            searcher.settle(trial)
        leave()
        if deaths > MAX_DEATHS:
            raise SweepError(
                f"Ray's own process {died} died, and so did one {MAX_DEATHS} times before; most likely they are killed "
                "for want of memory: set cluster.max_concurrent_trials so that fewer trials run at once. "
                "Nothing that was finished is lost: run the same command to resume"
            )
        LOG.warning("Ray's own process %s died; starting Ray again and going on", died)
        self._connect()

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


class Worker(tune.Trainable):  # type: ignore[misc]
    """One rung of a trial per step. Its actor is kept for the next trial, with torch, the data and the task loaded."""

    def setup(
        self,
        config: dict[str, Any],
        *,
        evaluate: Evaluate,
        base: Base,
        limits: TrialLimits,
        secrets: Sequence[str],
        threads: int,
        path: Sequence[str],
    ) -> None:
        """Called once in an actor's life, before its first trial.

        The person's code runs as it would run by itself: in the folder where the command was started, or in a copy of
        it, with the modules found as there.
        """
        hide(*secrets)
        sys.path.extend(entry for entry in path if entry not in sys.path)
        torch.set_num_threads(threads)
        self._limits = limits
        self._fault, self._settled = "", Settled(evaluate, OwnOutbox(base.results))
        try:
            self._settled = base.settle(evaluate)
        except SweepError as error:
            self._fault = str(error)
        say_with(self._settled.outbox.say)
        self.reset_config(config)

    def step(self) -> dict[str, Any]:
        """Run the trial up to its next rung; at the top, write its result down before anyone is told."""
        number = self.config["trial"].number
        tell_whereabouts(number)
        try:
            if self._fault:
                raise SweepError(self._fault)
            with last_words(self._settled.outbox.begin(number), self._bounded.killed_at):
                result = self._runner.step()
            if self.config["shares_gpu"]:
                free_gpu_memory()
                if self._bounded.lacked_gpu_memory and isinstance(result.outcome, Failed):
                    return {"number": number, CROWDED: result.outcome.reason, "done": True}
            if self._runner.is_done:
                self._settled.outbox.write(result)
        except Exception as error:
            if is_full(error):
                error = FullDiskError.of(error)
            elif isinstance(error, OSError):
                error = cannot_write(error)
            if not isinstance(error, SweepError):
                raise
            return {"number": number, ENDS: str(error), "done": True}
        self._settled.make_room()
        return {"number": result.number, RUNG: result, "done": self._runner.is_done}

    def cleanup(self) -> None:
        """Called at the end of an actor that is not killed."""
        self._settled.close()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial in the same actor."""
        self.config = new_config
        self._bounded = Bounded(self._settled.evaluate, self._limits, new_config["stages_s"])
        self._runner = RungRunner(new_config["trial"], new_config["fidelities"], self._bounded)
        return True


def resources(cluster: ClusterSection, config: Mapping[str, Any]) -> tune.PlacementGroupFactory:
    """Return what a trial takes: its share of a GPU, or a whole one if it is not to share it."""
    gpus = cluster.gpus_per_trial if config.get("shares_gpu", True) else math.ceil(cluster.gpus_per_trial)
    bundle = {"CPU": float(cluster.cpus_per_trial), "GPU": float(gpus)}
    if cluster.memory_per_trial:
        bundle["memory"] = float(cluster.memory_per_trial)
    return tune.PlacementGroupFactory([{name: amount for name, amount in bundle.items() if amount}])


def leave() -> None:
    """Leave the cluster.

    Ray ends this process at once, with exit code 1, if a reference is freed while it shuts down, or if it is shut down
    again after a signal has broken off its shutdown. So garbage that may hold references is freed before, no thread
    collects any meanwhile, and signals wait. Later it does no harm.
    """
    with interruption.put_off(), no_collection():
        collect()
        ray.shutdown()


def start_hub(store: Path, results: Path) -> Any:
    """Start the hub on this machine; it ends with this driver."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "max_concurrency": CALLS}
    return ray.remote(Hub).options(scheduling_strategy=here, **options).remote(store, results)


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


def _way_out(error: Exception) -> str:
    """Return what to do when Ray does not start here."""
    variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    if "AF_UNIX path length" in str(error):
        return f"set {variable} to a folder with a shorter path"
    if isinstance(error, OSError) and error.filename:
        return f"set {variable} to a folder that can be written"
    return "if one of its processes was killed, or the machine was too busy, run the same command again"
