"""Measures running files in a process of its own: ``python -m pipelines.bench``. Nothing here imports torch."""
