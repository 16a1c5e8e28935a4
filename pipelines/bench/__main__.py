"""The meter's own process: reads a job, says when it is ready, measures when it is told to, answers.

It is spoken to in lines. It says ``ready`` when the files are loaded, waits for any line, says ``measured`` as soon as
the device can go to others, and last the answer as JSON. It ends at once when its standard input is closed: then
whoever started it is gone. The kernel ends it then, too, as it may be deaf to that.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

from pipelines.bench.answer import Answer, Failure, to_line
from pipelines.bench.conditions import conditions
from pipelines.bench.job import Job
from pipelines.bench.latency import report, take
from pipelines.bench.memory import peak_growth
from pipelines.bench.on_gpu import ON_GPUS, GpuWatch, row
from pipelines.bench.on_gpu import memory as gpu_memory
from pipelines.bench.rapl import Counters, energy_mj
from pipelines.bench.rounds import Rounds
from pipelines.errors import TrialFailed
from pipelines.gpu import Gpu
from pipelines.measurement import Measurement
from pipelines.processes import die_with_parent
from pipelines.runtimes import RUNTIMES, Artifact, GpuSession, Session


def main() -> None:
    """Do the job in the file that the first argument names."""
    faulthandler.enable(all_threads=False)
    die_with_parent()
    job = Job.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # What a runtime's native code prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    told = threading.Event()
    threading.Thread(target=_listen, args=(told,), daemon=True).start()
    try:
        answer: Answer = _measure(job, told, lambda line: print(line, file=answers, flush=True))
    except TrialFailed as error:
        answer = Failure(error.reason)
    except Exception as error:  # whatever a runtime raises over a file
        answer = Failure(f"running the file raised {type(error).__name__}: {' '.join(str(error).split())}")
    print(to_line(answer), file=answers, flush=True)


def _measure(job: Job, told: threading.Event, say: Callable[[str], None]) -> Measurement:
    runtime = job.origin.make() if job.origin else RUNTIMES[job.target.runtime]
    with np.load(job.feed) as arrays:
        feed = {name: arrays[name] for name in arrays.files}

    def load_and_run(artifact: Artifact) -> Session:
        session = runtime.load(artifact, job.target)
        session.timed_run(feed)  # also compiles what is compiled for these inputs
        return session

    if runtime.needs_torch:
        import_module("torch")
    first, peak_bytes = peak_growth(lambda: load_and_run(job.artifact))
    memory = Measurement({"peak_memory_mb": peak_bytes / 1e6})
    if isinstance(first, GpuSession):
        gpu = Gpu.visible()
        memory |= gpu_memory(first, gpu)
        sessions = [first, *map(load_and_run, job.artifacts[1:])]
        say("ready")
        told.wait()
        watch = GpuWatch(gpu)
        taken, found = take(Rounds(sessions, feed), job.target, job.budget_s, steady=watch.steady)
        noise, in_a_row = watch.noise(), row(first, feed, gpu)
        say("measured")
        told_by_gpu = f"{conditions(job, runtime)}, {watch.conditions()}"
        return report(taken, found, job, told_by_gpu, noise) | Measurement({}, notes=first.notes) | memory | in_a_row
    sessions = [first, *(runtime.load(each, job.target) for each in job.artifacts[1:])]
    say("ready")
    told.wait()
    taken, found = take(Rounds(sessions, feed), job.target, job.budget_s)
    counters = Counters(job.powercap)
    absence = counters.absence()
    energy = Measurement({}, notes={"energy_mj": f"not available: {absence}"})
    if not absence:
        energy = Measurement({"energy_mj": energy_mj(counters, lambda: first.run(feed))})
    say("measured")
    absent = Measurement({}, notes={name: f"not available: {why}" for name, why in ON_GPUS.items()})
    return report(taken, found, job, conditions(job, runtime)) | memory | energy | absent


def _listen(told: threading.Event) -> None:
    if sys.stdin.readline():
        told.set()
        sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
