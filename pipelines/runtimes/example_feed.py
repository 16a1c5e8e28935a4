"""Inputs for an exported file as code, for a program that shows how it is run."""

from __future__ import annotations

from pipelines.runtimes.runtime import Feed


def example_feed(feed: Feed) -> str:
    """Python code that makes zeros of the names, shapes and types of `feed`: the inputs that `Runtime.script` takes."""
    entries = (f'"{name}": np.zeros({array.shape}, dtype="{array.dtype.name}")' for name, array in feed.items())
    return "{" + ", ".join(entries) + "}"
