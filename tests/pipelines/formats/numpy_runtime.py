"""A runtime of one's own, which executes the files of `NpzFormat`: nothing here imports torch."""

from __future__ import annotations

import numpy as np

from pipelines.errors import TrialFailed
from pipelines.runtimes import OUTPUT, Artifact, Feed, Target, Timing, timed_on_cpu

SCRIPT = """\
# Runs {file} with NumPy alone: pip install numpy
from pathlib import Path

import numpy as np

feed = {feed}  # zeros: put your inputs here
(x,) = feed.values()
for name, array in np.load(Path(__file__).with_name("{file}")).items():
    x = x.reshape(len(x), -1) @ array.T if name.endswith("weight") else x
    x = x + array if name.endswith("bias") else x
    x = np.maximum(x, 0) if name.endswith("relu") else x
print(x)
"""


class NumpyRuntime:
    name = "numpy"
    format = "npz"
    packages: tuple[str, ...] = ("numpy",)
    devices: tuple[str, ...] = ("cpu",)
    needs_torch = False

    def problem(self, device: str) -> str | None:
        return None

    def load(self, artifact: Artifact, target: Target) -> NumpySession:
        try:
            with np.load(artifact.path) as arrays:
                return NumpySession(list(arrays.items()))
        except Exception as error:
            raise TrialFailed(f"NumPy cannot load the file: {error}") from error

    def script(self, file: str, feed: str, target: Target) -> str:
        return SCRIPT.format(file=file, feed=feed)


class NumpySession:
    def __init__(self, layers: list[tuple[str, np.ndarray]]) -> None:
        self._layers = layers

    def run(self, feed: Feed) -> np.ndarray:
        (x,) = feed.values()
        for name, array in self._layers:
            match name.partition(".")[2]:
                case "flatten":
                    x = x.reshape(len(x), -1)
                case "relu":
                    x = np.maximum(x, 0)
                case "weight":
                    x = x @ array.T
                case "bias":
                    x = x + array
        return x

    def run_all(self, feed: Feed) -> dict[str, np.ndarray]:
        return {OUTPUT: self.run(feed)}

    def timed_run(self, feed: Feed) -> Timing:
        return timed_on_cpu(self.run, feed)
