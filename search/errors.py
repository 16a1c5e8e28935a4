"""How a command fails when the input was right. Wrong input is `spaces.InputError`."""

from __future__ import annotations


class SweepError(Exception):
    """The command could not do what it was asked to; the message says what to do next. Exit code 1."""
