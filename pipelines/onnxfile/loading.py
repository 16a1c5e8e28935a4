"""A trial of loading: ONNX Runtime ends the whole process over some files."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

LOAD = "import sys, onnxruntime; onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])"

ALLOWED_S = 300.0


def loading_crash(file: Path, script: str = LOAD) -> str | None:
    """Load `file` in a process of its own and return the signal that ended it, such as ``SIGSEGV``, or None.

    What ONNX Runtime refuses with an error is no crash; nor is a file that takes longer than five minutes.

    Args:
        file: The ONNX file.
        script: What the process does, with the file's path as its argument.
    """
    command = [sys.executable, "-I", "-c", script, str(file)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=ALLOWED_S, check=False).returncode
    except subprocess.TimeoutExpired:
        return None
    return signal.Signals(-ended).name if ended < 0 else None
