"""The record: trials, the study that keeps them, their front, and where all of it lies."""
