"""The origin of a runtime that does not come with Paredown: how the measuring process finds it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pipelines.errors import TrialFailed
from pipelines.runtimes.runtime import Runtime


@dataclass(frozen=True)
class Origin:
    """The place from which another process imports a runtime's class.

    Attributes:
        module: The name of its module.
        name: Its name there.
        path: The folders in which modules are looked for.
    """

    module: str
    name: str
    path: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Origin:
        """The origin that `dataclasses.asdict` made plain data of: JSON has a list where the path is a tuple."""
        return cls(data["module"], data["name"], tuple(data["path"]))

    def make(self) -> Runtime:
        """Import the class, with the path that `path` says from now on, and make one.

        Raises:
            TrialFailed: it cannot be imported or made, or torch came with it.
        """
        sys.path[:] = [*self.path, *(folder for folder in sys.path if folder not in self.path)]
        try:
            runtime = cast(Runtime, getattr(importlib.import_module(self.module), self.name)())
        except Exception as error:  # a module may raise anything
            raise TrialFailed(
                f"the process that measures cannot make the runtime {self.module}.{self.name}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if "torch" in sys.modules:
            raise TrialFailed(
                f"the module {self.module} imports torch, whose memory would be measured with the runtime's; import it "
                "in the runtime's load if the runtime needs it, else put the runtime in a module of its own"
            )
        return runtime


def origin_of(runtime: Runtime) -> Origin | None:
    """Return where the class of `runtime` is imported from; None for what comes with Paredown."""
    kind = type(runtime)
    if kind.__module__.startswith(f"{__package__}."):
        return None
    return Origin(kind.__module__, kind.__qualname__, tuple(sys.path))


def origin_problem(runtime: Runtime) -> str | None:
    """Return why no other process can import the class of `runtime`, or None if one can."""
    kind = type(runtime)
    if kind.__module__ != "__main__" and getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind:
        return None
    return (
        f"has the class {kind.__qualname__} of {kind.__module__}, which the process that measures cannot import; "
        "define it at the top level of a module"
    )
