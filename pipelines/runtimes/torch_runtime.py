"""PyTorch: programs of ``torch.export``, as they are on a CPU, compiled and in a CUDA graph on a GPU."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pipelines.errors import TrialFailed
from pipelines.runtimes.artifact import Artifact
from pipelines.runtimes.runtime import Feed, Session
from pipelines.runtimes.target import Target
from pipelines.runtimes.timing import Timing, timed_on_cpu
from pipelines.runtimes.torch_on_cuda import TorchCudaSession, as_several
from pipelines.runtimes.torch_program import TF32, TorchProgram

SCRIPT = """\
# Runs {file} with PyTorch: pip install torch numpy. Loading such a file runs PyTorch's own code on what it holds.
import hashlib
from pathlib import Path
import numpy as np
import torch
file, record = Path(__file__).with_name("{file}"), {{"{tf32}": ""}}
known = file.with_name("manifest.json").read_text()
assert hashlib.sha256(file.read_bytes()).hexdigest() in known, "the file is not the one that was exported"
model = torch.export.load(file, extra_files=record).module().to("{device}")
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = record["{tf32}"] == "1"
{prepared}
feed = {feed}  # zeros: put your inputs here
with torch.no_grad():
    outputs = model(*(torch.from_numpy(array).to("{device}") for array in feed.values()))
print((outputs if torch.is_tensor(outputs) else outputs[0]).cpu().numpy())
"""

PREPARED = {
    "cpu": "torch.set_num_threads({threads})",
    "cuda": 'model = torch.compile(model, mode="reduce-overhead")  # at the first call of each batch size',
}


class TorchRuntime:
    """Executes programs of ``torch.export``: one module on a CPU, compiled by Inductor on a GPU."""

    name = "torch"
    format = "torch-export"
    packages: tuple[str, ...] = ("torch",)
    devices: tuple[str, ...] = ("cpu", "cuda")
    needs_torch = True

    def problem(self, device: str) -> str | None:
        """See `Runtime.problem`."""
        if device == "cpu":
            return None
        import torch

        if not torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
            return (
                f"cannot use a GPU with the installed torch {torch.__version__}, a build for CPUs; install one for "
                "CUDA: pip install torch --index-url https://download.pytorch.org/whl/cu130"
            )
        if not torch.cuda.is_available():
            return f"finds no GPU: torch {torch.__version__} needs a driver for CUDA {torch.version.cuda} or newer"
        if importlib.util.find_spec("triton") is None:
            return "compiles what it runs on a GPU with the package triton, which is not installed: pip install triton"
        if not any(map(shutil.which, filter(None, (os.environ.get("CC"), "gcc", "clang", "cc")))):
            return "compiles what it runs on a GPU with a C compiler, and there is none; install gcc or name one in CC"
        return None

    def load(self, artifact: Artifact, target: Target) -> Session:
        """See `Runtime.load`."""
        try:
            program = TorchProgram.read(artifact.path)
            module = program.program.module(check_guards=False)
        except Exception as error:  # the archive's errors, the parser's and the file system's have no common base
            raise TrialFailed(f"PyTorch cannot load the file: {error}") from error
        if target.on_gpu:
            return TorchCudaSession(module, program.tf32, program.outputs)
        return TorchSession(module, program.outputs, target.threads)

    def script(self, file: str, feed: str, target: Target) -> str:
        """See `Runtime.script`."""
        prepared = PREPARED[target.device].format(threads=target.threads)
        return SCRIPT.format(file=file, feed=feed, device=target.device, prepared=prepared, tf32=TF32)


class TorchSession:
    """See `Session`.

    Args:
        module: What is called with tensors, in the order of the inputs.
        outputs: The names of what it gives.
        threads: Of one call.
    """

    def __init__(self, module: Any, outputs: tuple[str, ...], threads: int) -> None:
        self._module, self._outputs, self._threads = module, outputs, threads

    def run(self, feed: Feed) -> np.ndarray:
        """See `Session.run`."""
        return next(iter(self.run_all(feed).values()))

    def run_all(self, feed: Feed) -> dict[str, np.ndarray]:
        """See `Session.run_all`."""
        import torch

        with _threads(self._threads), torch.no_grad():
            given = self._module(*map(torch.from_numpy, feed.values()))
        return {name: x.numpy() for name, x in zip(self._outputs, as_several(given), strict=True)}

    def timed_run(self, feed: Feed) -> Timing:
        """See `Session.timed_run`."""
        return timed_on_cpu(self.run, feed)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Give torch `count` threads; whoever trains in this process has its own number back afterwards."""
    import torch

    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
