"""The names of inputs that have none of their own. Nothing here imports torch: runtimes are loaded without it."""

from __future__ import annotations


def input_names(count: int) -> list[str]:
    """The names of an exported file's inputs: ``input``, or ``input_0``, ``input_1``, … if there are several."""
    return ["input"] if count == 1 else [f"input_{index}" for index in range(count)]
