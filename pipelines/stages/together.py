"""A stage that several processes run together, each training on its part of every batch."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from pipelines.errors import TrialFailed
from pipelines.lease import Lease
from pipelines.stages.stage import Stage, Trains
from pipelines.tasks.fault import FAULTS, told
from pipelines.tasks.hooks import OwnFit
from pipelines.tasks.task import load_task
from pipelines.training.context import Context
from pipelines.training.group import Group
from pipelines.training.seed import seed_everything
from spaces import Params

LONGEST_WAIT = timedelta(hours=4)
"""Processes wait for each other while a file is measured on this machine."""

LEAVING_S = 5.0
"""A process that fails has ended by then, after its connections."""

ORPHANED_S = 2.0
"""How often a further process looks whether the first one is still there."""

MEETING, JOB, REASON = "meeting", "job.pickle", "reason-{rank}.txt"


@dataclass(frozen=True)
class Job:
    """The share of a stage that one more process does.

    Attributes:
        stage: The stage.
        parent: See `Stage.run`.
        params: See `Stage.run`.
        context: What stages share, without the task.
        path: Where modules are looked for.
        threads: PyTorch's, of each process.
    """

    stage: Stage
    parent: Path
    params: Params
    context: Context
    path: tuple[str, ...]
    threads: int


def run_stage(stage: Stage, parent: Path, out: Path, params: Params, context: Context) -> None:
    """Run `stage`, see `Stage.run`: together with `Context.processes` less one others, if it trains.

    Raises:
        TrialFailed: it cannot be run, in whichever process.
    """
    trains = isinstance(stage, Trains) and stage.extent(params, context).epochs > 0
    if context.processes == 1 or not trains or isinstance(context.task, OwnFit):
        stage.run(parent, out, params, context)
        return
    if context.device.type == "cuda" and (have := torch.cuda.device_count()) < context.processes:
        raise TrialFailed(f"{context.processes} GPUs are to train together, and this trial sees {have}")
    job = Job(stage, parent, params, context.portable(), tuple(sys.path), torch.get_num_threads())
    with tempfile.TemporaryDirectory(prefix="paredown-") as folder, _others(job, Path(folder)) as others:
        try:
            with _joined(Path(folder), Group(0, context.processes), context.device):
                stage.run(parent, out, params, replace(context, group=Group(0, context.processes)))
            others.finish()
        except RuntimeError as error:  # so do operations fail that another process has left
            if reason := others.reason(LEAVING_S):
                raise TrialFailed(reason) from error
            raise


class _Others:
    """The processes beside this one."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
        self._processes, self._folder = processes, folder

    def finish(self) -> None:
        """Wait until all have ended.

        Raises:
            TrialFailed: one could not do its share.
        """
        for process in self._processes:
            process.wait()
        if any(process.returncode for process in self._processes):
            raise TrialFailed(self.reason())

    def reason(self, wait_s: float = 0) -> str:
        """Why one of them has failed, or does within `wait_s`; empty if none has.

        Of several that is the first one's: those after it fail as it is gone.
        """
        until = time.monotonic() + wait_s
        while not (found := self._reasons()) and time.monotonic() < until:
            time.sleep(wait_s / 100)
        return f"of the processes that train together, {found[0]}" if found else ""

    def _reasons(self) -> list[str]:
        """What has failed: what processes have left, the first one first, or how they have ended without."""
        left = sorted(self._folder.glob(REASON.format(rank="*")), key=lambda file: file.stat().st_mtime_ns)
        ends = [f"one ended with {process.returncode}" for process in self._processes if process.poll()]
        return [file.read_text(encoding="utf-8") for file in left] or ends

    def watch(self) -> None:
        """Wait for them; if one fails, end what this process waits for on a GPU: there nothing else tells it."""
        for process in self._processes:
            if process.wait():
                _break_off()


@contextmanager
def _others(job: Job, folder: Path) -> Iterator[_Others]:
    """The further processes, at work; they are ended afterwards."""
    (folder / JOB).write_bytes(pickle.dumps(job))
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-P", "-m", "pipelines.stages.together", str(folder), str(rank)],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno() if _has_descriptor(sys.stderr) else subprocess.DEVNULL,
            env=environment,
        )
        for rank in range(1, job.context.processes)
    ]
    others = _Others(processes, folder)
    threading.Thread(target=others.watch, daemon=True).start()
    try:
        yield others
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def _has_descriptor(stream: Any) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True


@contextmanager
def _joined(folder: Path, group: Group, device: torch.device) -> Iterator[None]:
    """Within it this process is one of a group that meets in `folder`."""
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    meeting = f"file://{folder / MEETING}"
    dist.init_process_group(backend, init_method=meeting, rank=group.rank, world_size=group.size, timeout=LONGEST_WAIT)
    try:
        yield
    except BaseException:
        _break_off()
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _break_off() -> None:
    """End what waits for others on a GPU, where nothing tells that one of them is gone; gloo's connections do."""
    if dist.is_initialized() and dist.get_backend() != "gloo":
        with suppress(RuntimeError):  # the other thread of this process may have done so
            dist.distributed_c10d._abort_process_group()


def main(folder: Path, rank: int) -> None:
    """Do the share of the process `rank`; leaves the reason of a failure in `folder`, and ends with 1."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with _telling(folder, rank):
        job: Job = pickle.loads((folder / JOB).read_bytes())
        sys.path.extend(entry for entry in job.path if entry not in sys.path)
        torch.set_num_threads(job.threads)
        device = job.context.device
        if device.type == "cuda":
            device = torch.device("cuda", rank)
            torch.cuda.set_device(device)
        group = Group(rank, job.context.processes)
        task = load_task(job.context.use, job.context.args)
        context = replace(job.context, task=task, device=device, group=group, lease=Lease(), notes=[], kept={})
        scratch = tempfile.TemporaryDirectory(prefix="paredown-")
        # What fails is told before the connections end, by which the others know.
        with scratch as out, _joined(folder, group, device), _telling(folder, rank):
            seed_everything(context.trajectory.key)  # as the first process is
            job.stage.run(job.parent, Path(out), job.params, context)


@contextmanager
def _telling(folder: Path, rank: int) -> Iterator[None]:
    """Leave in `folder` why what is done within it fails, and end with 1."""
    try:
        yield
    except TrialFailed as error:
        reason = error.reason
    except FAULTS as error:  # a person's code may raise anything
        reason = told(error)
    else:
        return
    if not (file := folder / REASON.format(rank=rank)).exists():
        draft = file.with_suffix(".draft")
        draft.write_text(f"process {rank + 1}: {reason}", encoding="utf-8")
        draft.rename(file)
    raise SystemExit(1)


def _end_with(parent: int) -> None:
    """End this process when the first one is gone: it might wait for it for hours."""
    while os.getppid() == parent:
        time.sleep(ORPHANED_S)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
