"""Suitability of techniques for a target, found out before anything is built."""

from __future__ import annotations

from pipelines.extra import missing
from pipelines.formats import FORMATS, format_of
from pipelines.quantizers import QUANTIZERS
from pipelines.runtimes import RUNTIMES, origin_problem
from spaces import Problem, SearchSpace, illegal

SCHEME = "quantization.scheme"


def runtime_problem(runtime: str) -> str | None:
    """Return why nothing can be measured in the runtime called `runtime` here, or None."""
    if runtime not in RUNTIMES:
        return illegal(runtime, list(RUNTIMES))
    named = RUNTIMES[runtime]
    if named.format not in FORMATS:
        return f"{runtime!r} executes {named.format}, which is no registered format; legal: {', '.join(FORMATS)}"
    executed = FORMATS[named.format]
    if executed.reference not in RUNTIMES:
        return f"{runtime!r} executes {executed.name}, whose reference {executed.reference!r} is no registered runtime"
    packages = (*named.packages, *executed.libraries, *RUNTIMES[executed.reference].packages)
    problem = origin_problem(named) or missing(packages)
    return f"{runtime!r} {problem}" if problem else None


def metric_problem(metric: str, runtime: str) -> str | None:
    """Return why the metric called `metric` is never measured for the runtime called `runtime`, or None."""
    executed = format_of(runtime)
    reason = executed.lacks.get(metric)
    return f"is not available with {runtime}, which executes {executed.title} files: {reason}" if reason else None


def suited(space: SearchSpace, runtime: str) -> tuple[SearchSpace, list[Problem]]:
    """Return the part of `space` that suits the runtime called `runtime`, and a problem for each other value."""
    asked = {value: scheme_problem(str(value), runtime) for value in space.axis(SCHEME).values}
    messages = {value: message for value, message in asked.items() if message}
    return space.without(SCHEME, messages), [Problem(f"space.{SCHEME}", message) for message in messages.values()]


def scheme_problem(scheme: str, runtime: str) -> str | None:
    """Return why the quantization `scheme` makes nothing for the registered runtime called `runtime`, or None."""
    if scheme not in QUANTIZERS:
        return None
    declares, executed = QUANTIZERS[scheme].declares, RUNTIMES[runtime].format
    legal = ", ".join(["none", *(name for name in QUANTIZERS if _is_for(name, runtime))])
    if executed not in declares.formats:
        return f"{scheme!r} works on {', '.join(declares.formats)}, and {runtime} executes {executed}; legal: {legal}"
    if not _is_for(scheme, runtime):
        return f"{scheme!r} is for {', '.join(declares.runtimes)}, not for {runtime}; legal: {legal}"
    problem = missing(declares.packages)
    return f"{scheme!r} {problem}" if problem else None


def _is_for(scheme: str, runtime: str) -> bool:
    """Return True if `scheme` declares that its files are for `runtime`."""
    declares = QUANTIZERS[scheme].declares
    return RUNTIMES[runtime].format in declares.formats and runtime in (declares.runtimes or RUNTIMES)
