"""Diagnosis: when the last step of a recipe did not help, say so, and why as far as it shows in the file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pipelines.meters import Candidate, Measurement
from pipelines.meters.agreement import LOUD, agreement
from pipelines.onnxfile.coverage import Coverage, int8_coverage
from pipelines.onnxfile.layer_summary import Graph
from pipelines.onnxfile.optimized_graph import operators
from pipelines.runtimes import bare, target_of

SPEEDUP, WHY, SIZE, OUTPUTS = "speedup", "speedup.why", "size", "outputs"
"""The names of the notes: that a step made the file no faster, why, no smaller, and that it spoilt its outputs."""

VERSUS_PARENT = "latency_vs_parent"

TIE = 0.03
"""Latencies that differ by no more than this share are equal: repeated measurements of one file differ by as much."""

SAME_SIZE = 0.01

WIDTH_OF_VECTORS = 8
"""Kernels work on so many channels at once; other widths leave a rest that costs as much as a full vector."""

NARROW = 8
"""With no layer wider than this, int8 took 1.25 to 1.3 times as long as floating point in ONNX Runtime."""

SHORT_MS = 0.02
"""Files whose call takes less than this got no faster by int8 in ONNX Runtime, be they convolutions or products."""

MANY_ZEROS = 0.1

UNEXPLAINED = "nothing in the file explains it"

EXAMINED = "onnx"
"""The format of the files into which is looked for reasons."""


def diagnose(candidate: Candidate, measurement: Measurement, step: str) -> dict[str, str]:
    """Compare the file with its parent: the file of the same recipe without its last step.

    Args:
        candidate: What was measured.
        measurement: What was found; without the metric ``latency_vs_parent`` nothing is said of speed.
        step: The name of the last step.

    Returns:
        Notes, for what did not help only: ``speedup`` and ``speedup.why`` if the file is no faster than its parent,
        ``size`` if it is no smaller, ``outputs`` if it only stores its weights otherwise and gives other outputs.
    """
    if candidate.artifact == candidate.parent:
        return {}
    evidence = _Evidence(candidate)
    reasons = _reasons(evidence) if _verdict(measurement, step) else ()
    return Examination(step, reasons, _of_file(evidence, step)).notes(measurement)


def examine(candidate: Candidate, step: str) -> Examination:
    """Look into the file and its parent for all that `diagnose` may need, before anyone knows how fast they are.

    Args:
        candidate: What is going to be measured, elsewhere.
        step: The name of the last step.
    """
    if candidate.artifact == candidate.parent:
        return Examination(step)
    evidence = _Evidence(candidate)
    return Examination(step, _reasons(evidence), _of_file(evidence, step))


@dataclass(frozen=True)
class Examination:
    """The part of a diagnosis that is known before the file is measured.

    Attributes:
        step: The name of the last step; empty if there is none.
        reasons: Why the file may be no faster than its parent, as far as the two files show it; one at least.
        of_file: The notes that do not depend on how fast it is.
    """

    step: str = ""
    reasons: tuple[str, ...] = ()
    of_file: Mapping[str, str] = field(default_factory=dict)

    def notes(self, measurement: Measurement) -> dict[str, str]:
        """The notes of `diagnose`, now that there is a `measurement`."""
        verdict = _verdict(measurement, self.step) if self.reasons else ""
        if not verdict:
            return dict(self.of_file)
        reasons = [reason for reason in (*self.reasons, _short(measurement), _not_captured(measurement)) if reason]
        known = [reason for reason in reasons if reason != UNEXPLAINED] or reasons
        return {SPEEDUP: verdict, WHY: "; ".join(known), **self.of_file}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Examination:
        """The examination that `dataclasses.asdict` made plain data of: JSON has a list where reasons are a tuple."""
        return cls(data["step"], tuple(data["reasons"]), data["of_file"])


def _of_file(evidence: _Evidence, step: str) -> dict[str, str]:
    """The notes for which nobody needs to know how fast the file is."""
    notes, candidate = {}, evidence.candidate
    ratio = candidate.artifact.path.stat().st_size / candidate.parent.path.stat().st_size
    if ratio > 1 - SAME_SIZE:
        notes[SIZE] = f"{'bigger' if ratio > 1 + SAME_SIZE else 'no smaller'} than without {step}: {ratio:.2f}×"
    if spoilt := _spoilt(evidence, step):
        notes[OUTPUTS] = spoilt
    return notes


def _spoilt(evidence: _Evidence, step: str) -> str:
    """That a step which stores weights otherwise changed the outputs much; empty if it did not."""
    try:
        if evidence.candidate.artifact.format != EXAMINED or not evidence.quantized:
            return ""
        with evidence.candidate.lease.shared():
            found = agreement(evidence.candidate)
    except Exception:  # a trial that was measured is not lost over a remark
        return ""
    if found.noise < LOUD:
        return ""
    other = "" if found.same is None else f", the largest one is another for {1 - found.same:.0%} of them"
    return f"spoilt by {step}: noise of {found.noise:.0%} of their power on {found.examples} examples{other}"


def remark_kind(notes: Mapping[str, str]) -> str:
    """The notes of a diagnosis in one line, empty if there are none.

    It has no numbers of the one file, so that trials with the same reasons can be named together.
    """
    told = [
        (part, target_of(name))
        for wanted in (SPEEDUP, WHY, SIZE, OUTPUTS)
        for name, words in notes.items()
        if bare(name) == wanted
        for part in words.split("; ")
    ]
    for pattern, general in OF_ONE_FILE:
        told = [(re.sub(pattern, general, part), target) for part, target in told]
    return "; ".join(dict.fromkeys(f"{part} on {target}" if target else part for part, target in told if part))


OF_ONE_FILE = (
    (r"^(spoilt by \w+): .*$", r"outputs \1"),
    (r": [\d.]+×$", ""),
    (r"^(no CUDA graph: .*) \([^()]*\)$", r"\1"),
    (r": \d+( \([\d, ]+\))?$", ""),
    (r"^\d+ of \d+ ", "some "),
    (r"^\d+% of ", "many of "),
    (r"takes [\d.]+ ms", f"takes less than {SHORT_MS} ms"),
)
"""What varies from file to file in the sentences below, and what stands for it; limits such as widths stay."""


def _verdict(measurement: Measurement, step: str) -> str:
    """That the file is slower than its parent, or no faster; empty if it is faster, or that was not measured."""
    ratio = measurement.metrics.get(VERSUS_PARENT)
    if ratio is None:
        return ""
    low, high = measurement.intervals.get(VERSUS_PARENT, (ratio, ratio))
    if ratio < 1 - TIE and high < 1:
        return ""
    return f"{'slower' if ratio > 1 + TIE and low > 1 else 'no faster'} than without {step}: {ratio:.2f}×"


def _reasons(evidence: _Evidence) -> tuple[str, ...]:
    """Why a file may be no faster than its parent, as far as two ONNX files and their execution show it."""
    if (name := evidence.candidate.artifact.format) != EXAMINED:
        return (f"{name} files are not examined",)
    try:
        return tuple(reason for find in REASONS if (reason := find(evidence))) or (UNEXPLAINED,)
    except Exception as error:  # a trial that was measured is not lost over a remark
        return (f"the file cannot be examined: {type(error).__name__}: {error}",)


def _not_captured(measurement: Measurement) -> str:
    """That the file cannot stay on the GPU, and why, if so: each operator is launched by the host then."""
    graph = measurement.notes.get("latency.graph", "")
    return graph if graph.startswith("no ") else ""


@dataclass(frozen=True)
class _Evidence:
    """The evidence in which reasons are found; each part is looked at once."""

    candidate: Candidate

    @cached_property
    def own(self) -> Graph:
        return Graph.read(self.candidate.artifact.path)

    @cached_property
    def parent(self) -> Graph:
        return Graph.read(self.candidate.parent.path)

    @cached_property
    def executed(self) -> Mapping[str, int]:
        """The operators that ONNX Runtime executes on a CPU; none, if that is not the target."""
        on_cpu = self.candidate.runtime.name == "onnxruntime" and not self.candidate.target.on_gpu
        return operators(self.candidate.artifact.path) if on_cpu else {}

    @cached_property
    def coverage(self) -> Coverage:
        """The part that ONNX Runtime computes in 8 bits; nothing, if another runtime is the target."""
        return int8_coverage(self.candidate.artifact.path) if self.executed else Coverage(0, 0, 0)

    @property
    def quantized(self) -> bool:
        """True if the last step changed how weights are stored."""
        return self.own.stored != self.parent.stored


def _dynamic_convolutions(evidence: _Evidence) -> str:
    count = evidence.executed.get("ConvInteger", 0)
    if not count:
        return ""
    return f"convolutions quantized while they run (ConvInteger), which is slower than floating point: {count}"


def _stayed_in_floating_point(evidence: _Evidence) -> str:
    coverage = evidence.coverage
    if not (coverage.floating and evidence.own.integers):
        return ""
    total = coverage.floating + coverage.int8
    return f"{coverage.floating} of {total} convolutions and matrix products stayed in floating point"


def _not_fused(evidence: _Evidence) -> str:
    if not (evidence.coverage.unfused and evidence.own.integers):
        return ""
    return f"DequantizeLinear operators not fused into integer kernels: {evidence.coverage.unfused}"


def _weight_only(evidence: _Evidence) -> str:
    kinds = sorted(evidence.own.stored - {"float32", "float64"})
    if not kinds or evidence.own.integers or not evidence.quantized:
        return ""
    return f"weights are stored as {', '.join(kinds)} and computed with in float32: that saves size, not time"


def _odd_widths(evidence: _Evidence) -> str:
    own, before = (Counter(graph.hidden_widths) for graph in (evidence.own, evidence.parent))
    odd = sorted(width for width in (own - before).elements() if width % WIDTH_OF_VECTORS)
    if not odd:
        return ""
    shown = ", ".join(map(str, sorted(set(odd))[:4]))
    return f"layers whose widths are not multiples of {WIDTH_OF_VECTORS}: {len(odd)} ({shown})"


def _zeros(evidence: _Evidence) -> str:
    sparsity = evidence.own.sparsity
    if sparsity < evidence.parent.sparsity + MANY_ZEROS:
        return ""
    return f"{sparsity:.0%} of the weights are zero, which no kernel of {evidence.candidate.runtime.name} skips"


def _narrow(evidence: _Evidence) -> str:
    widths, on_cpu = evidence.own.hidden_widths, not evidence.candidate.target.on_gpu
    if not (on_cpu and evidence.quantized and evidence.own.integers and widths and max(widths) <= NARROW):
        return ""
    return f"no inner layer is wider than {NARROW}: too small for integer kernels to pay"


def _short(measurement: Measurement) -> str:
    """That a call of the parent takes hardly any time; empty if it takes some."""
    metrics = measurement.metrics
    parent_ms = metrics.get("latency_ms", 0.0) / metrics.get(VERSUS_PARENT, 1.0)
    if not 0 < parent_ms < SHORT_MS:
        return ""
    return f"without the step a call takes {parent_ms:.3f} ms, most of it the operators' fixed cost"


REASONS: tuple[Callable[[_Evidence], str], ...] = (
    _dynamic_convolutions,
    _stayed_in_floating_point,
    _not_fused,
    _weight_only,
    _odd_widths,
    _zeros,
    _narrow,
)
"""What is looked for, likeliest first; each gives a reason, or nothing if it does not hold."""
