import pytest

from search.execution.last_words import SILENT
from search.execution.work import LESS_MEMORY
from search.execution.worker_death import ALONE, worker_death

DIED, LATE = "the worker died twice over this trial", "the trial took more than 2h"


@pytest.mark.parametrize(
    ("known", "reason", "again"),
    [
        ({"fate": "preempted", "node": "gpu-3", "killer": "Ray"}, "its node gpu-3 was preempted", "free"),
        ({"fate": "lost", "node": "gpu-3"}, f"{DIED}, at last since its node gpu-3 was lost; see there", "counted"),
        ({"late": LATE, "words": f"{SILENT}; the last"}, f"{LATE}; it did not even stop when it was told to", "never"),
        ({"late": LATE, "words": "it did not stop when its time was up: x"}, f"{LATE}; it did not stop", "never"),
        ({"error": "OSError: no"}, f"the worker failed twice over this trial: OSError: no; {ALONE}", "counted"),
        ({"killer": "Ray"}, f"{DIED}: Ray kills processes for want of memory; {LESS_MEMORY}", "counted"),
        ({"killer": "the kernel", "words": "it ended with signal SIGSEGV: x"}, f"{DIED}: it ended with", "counted"),
        ({}, f"{DIED}: {SILENT}; {ALONE}", "counted"),
    ],
    ids=["preempted", "lost", "deaf", "late", "raised", "memory", "fault while memory is short", "silent"],
)
def test_why_a_worker_died_decides_what_becomes_of_its_trial(known, reason: str, again: str) -> None:
    death = worker_death(**known)
    assert death.reason.startswith(reason)
    assert death.again == again
