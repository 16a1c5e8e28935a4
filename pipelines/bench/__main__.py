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
from pathlib import Path

import numpy as np

from pipelines.bench.answer import Answer, Failure, to_line
from pipelines.bench.conditions import conditions
from pipelines.bench.job import Job
from pipelines.bench.latency import report, take
from pipelines.bench.memory import peak_growth
from pipelines.bench.rapl import Counters, energy_mj
from pipelines.bench.rounds import Rounds
from pipelines.errors import TrialFailed
from pipelines.measurement import Measurement
from pipelines.processes import die_with_parent
from pipelines.runtimes import RUNTIMES, Session


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

    def load_and_run() -> Session:
        session = runtime.load(job.artifact, job.target)
        session.run(feed)
        return session

    first, peak_bytes = peak_growth(load_and_run)
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
    memory = Measurement({"peak_memory_mb": peak_bytes / 1e6})
    return report(taken, found, job, conditions(job, runtime)) | memory | energy


def _listen(told: threading.Event) -> None:
    if sys.stdin.readline():
        told.set()
        sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
