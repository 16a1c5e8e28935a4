"""What goes with which target: found out before anything is built."""

from __future__ import annotations

from pipelines.extra import missing
from pipelines.quantizers import QUANTIZERS
from pipelines.runtimes import RUNTIMES
from spaces import Problem, SearchSpace, illegal

SCHEME = "quantization.scheme"


def runtime_problem(runtime: str) -> str | None:
    """Why nothing can be measured in the runtime called `runtime` here, or None."""
    if runtime not in RUNTIMES:
        return illegal(runtime, list(RUNTIMES))
    problem = missing(RUNTIMES[runtime].packages)
    return f"{runtime!r} {problem}" if problem else None


def suited(space: SearchSpace, runtime: str) -> tuple[SearchSpace, list[Problem]]:
    """What of `space` goes with the runtime called `runtime`, and a problem for each value that does not."""
    asked = {value: scheme_problem(str(value), runtime) for value in space.axis(SCHEME).values}
    messages = {value: message for value, message in asked.items() if message}
    return space.without(SCHEME, messages), [Problem(f"space.{SCHEME}", message) for message in messages.values()]


def scheme_problem(scheme: str, runtime: str) -> str | None:
    """Why the quantization `scheme` makes nothing for the runtime called `runtime` here, or None."""
    if scheme not in QUANTIZERS:
        return None
    if runtime in RUNTIMES and (executed := RUNTIMES[runtime].format) != "onnx":
        return f"{scheme!r} works on ONNX files, and {runtime} executes {executed}; legal: none"
    declares = QUANTIZERS[scheme].declares
    if runtime not in (declares.runtimes or RUNTIMES):
        schemes = [name for name, each in QUANTIZERS.items() if runtime in (each.declares.runtimes or RUNTIMES)]
        suited = ", ".join(declares.runtimes)
        return f"{scheme!r} is for {suited}, not for {runtime}; legal: none, {', '.join(schemes)}"
    problem = missing(declares.packages)
    return f"{scheme!r} {problem}" if problem else None
