"""Exclusion: the layers that a step must not touch, by their names in the network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

ALL_EXCLUDED = "all that it could work on is among what exclude names"
"""The reason why a technique has nothing left to do."""


@dataclass(frozen=True)
class Exclusion:
    """Layers that stay as they are.

    Attributes:
        patterns: Names of modules or parameters as in ``named_modules()``, in which ``*`` stands for anything. What is
            within a module that is named is named, too.
    """

    patterns: tuple[str, ...] = ()

    def covers(self, name: str) -> bool:
        """Return True if the module or parameter called `name` is named, or within one that is."""
        if not self.patterns:
            return False
        parts = name.split(".")
        names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        return any(fnmatchcase(each, pattern) for each in names for pattern in self.patterns)

    def touches(self, model: nn.Module, name: str) -> bool:
        """Return True if the module `name` of `model` is named, or within one that is, or has such a part."""
        within = model.get_submodule(name)
        inner = (*(n for n, _ in within.named_modules()), *(n for n, _ in within.named_parameters()))
        return any(self.covers(f"{name}.{each}".strip(".")) for each in inner)

    def unmatched(self, models: Iterable[nn.Module]) -> list[str]:
        """The patterns that name nothing in any of `models`."""
        names = {name for model in models for name in names_of(model)}
        return [pattern for pattern in self.patterns if not any(fnmatchcase(name, pattern) for name in names)]


NOTHING_EXCLUDED = Exclusion()
"""Every layer may be touched."""


def names_of(model: nn.Module) -> list[str]:
    """What patterns may name in `model`: its modules and parameters."""
    return [name for name, _ in (*model.named_modules(), *model.named_parameters()) if name]
