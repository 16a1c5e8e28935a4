"""Work in processes of their own, for what one process cannot show: locks, claims and sudden death."""

import multiprocessing
from collections.abc import Callable

PROCESSES = multiprocessing.get_context("fork")


def in_processes(*works: Callable[[], object]) -> list[int | None]:
    """Do all of `works` at once, each in a process forked from this one; their exit codes."""
    processes = [PROCESSES.Process(target=work) for work in works]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]
