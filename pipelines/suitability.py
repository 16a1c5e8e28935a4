"""Suitability of techniques for a target, found out before anything is built."""

from __future__ import annotations

from pipelines.errors import TrialFailed
from pipelines.extra import missing
from pipelines.formats import FORMATS, format_of
from pipelines.gpu import Gpu
from pipelines.meters import METRICS
from pipelines.quantizers import QUANTIZERS
from pipelines.runtimes import RUNTIMES, Target, Targets, origin_problem
from spaces import Problem, SearchSpace, Value, illegal

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


def device_problem(target: Target) -> str | None:
    """Return why nothing can be measured on the target's device on this machine, or None.

    A GPU is looked for, and the runtime is started on it once: that takes seconds.
    """
    if target.on_gpu:
        try:
            Gpu.visible()
        except TrialFailed as error:
            return f"{target.device!r}: {error.reason}"
    problem = RUNTIMES[target.runtime].problem(target.device)
    return f"{target.device!r}: {target.runtime} {problem}" if problem else None


def metric_problem(metric: str, target: Target, where: str = "target") -> str | None:
    """Return why the metric called `metric` is never measured for `target`, which stands at `where`, or None."""
    if (devices := METRICS[metric].devices) and target.device not in devices:
        return f"is measured on {' and '.join(devices)} only, and {where}.device is {target.device}"
    executed = format_of(target.runtime)
    reason = executed.lacks.get(metric)
    return (
        f"is not available with {target.runtime}, which executes {executed.title} files: {reason}" if reason else None
    )


def suited(space: SearchSpace, targets: Targets) -> tuple[SearchSpace, list[Problem]]:
    """Return the part of `space` that suits all `targets`, and a problem for each other value.

    A scheme by which files only lose on some of several targets may be worth it for the others.
    """
    messages: dict[Value, str] = {}
    for value in space.axis(SCHEME).values:
        gains = any(not _unsuited(str(value), target) for _, target in targets)
        for name, target in targets:
            if message := scheme_problem(str(value), target, though_it_loses=gains):
                messages.setdefault(value, f"for {name}: {message}" if name else message)
    return space.without(SCHEME, messages), [Problem(f"space.{SCHEME}", message) for message in messages.values()]


def scheme_problem(scheme: str, target: Target, *, though_it_loses: bool = False) -> str | None:
    """Return why the quantization `scheme` makes nothing for `target`, whose runtime is registered, or None.

    Args:
        scheme: Its name.
        target: What its files would have to run on.
        though_it_loses: Whether it is no problem that its files only lose there.
    """
    if scheme not in QUANTIZERS:
        return None
    declares, runtime = QUANTIZERS[scheme].declares, target.runtime
    executed = RUNTIMES[runtime].format
    legal = ", ".join(["none", *(name for name in QUANTIZERS if _is_for(name, target))])
    if executed not in declares.formats:
        return f"{scheme!r} works on {', '.join(declares.formats)}, and {runtime} executes {executed}; legal: {legal}"
    if declares.runtimes and runtime not in declares.runtimes:
        return f"{scheme!r} is for {', '.join(declares.runtimes)}, not for {runtime}; legal: {legal}"
    if not though_it_loses and (reason := _unsuited(scheme, target)):
        return f"{scheme!r} on {runtime} with target.device: {target.device} {reason}; legal: {legal}"
    problem = missing(declares.packages)
    return f"{scheme!r} {problem}" if problem else None


def _unsuited(scheme: str, target: Target) -> str:
    """Return why files of `scheme` are of no use for `target`; empty if they may be."""
    declared = QUANTIZERS[scheme].declares.unsuited if scheme in QUANTIZERS else ()
    return next((each.reason for each in declared if each.holds(target.runtime, target.device)), "")


def _is_for(scheme: str, target: Target) -> bool:
    """Return True if `scheme` declares that its files are for `target`."""
    declares, runtime = QUANTIZERS[scheme].declares, target.runtime
    is_for = RUNTIMES[runtime].format in declares.formats and runtime in (declares.runtimes or RUNTIMES)
    return is_for and not _unsuited(scheme, target)
