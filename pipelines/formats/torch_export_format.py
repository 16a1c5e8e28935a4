"""Programs of ``torch.export``: what PyTorch executes without the code that a network was written in."""

from __future__ import annotations

import shutil
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pipelines.errors import TrialFailed
from pipelines.formats.format import FIXED
from pipelines.measurement import Measurement
from pipelines.runtimes import OUTPUT, Feed, TorchProgram
from pipelines.tasks.declared import Axes
from pipelines.tasks.tensors import Outputs, Tensors, as_tuple, names_in_file

MODEL = "model.pt2"

LEAST = 2
"""Examples with which a network is traced: a batch of one would be taken for the only one that there can be."""


class TorchExportFormat:
    """One ``.pt2`` file with a free batch dimension: the graph of operators, and weights as plain numbers.

    Nothing in it was compiled: that happens where it is loaded. It holds no pickled objects, and one that does is
    refused. Source: PyTorch documentation, "torch.export".
    """

    name = "torch-export"
    title = "torch.export"
    file = MODEL
    reference = "torch"
    version = 1
    settings: Mapping[str, Any] = {}
    libraries: tuple[str, ...] = ("torch",)
    lacks: Mapping[str, str] = {}
    flavor: str | None = "pytorch"

    def export(self, network: nn.Module, example: tuple[Tensor, ...], file: Path, axes: Axes = FIXED) -> None:
        """See `Format.export`."""
        with torch.no_grad():
            given = network(*as_tuple(example))
        outputs = given.names if isinstance(given, Tensors) else (OUTPUT,)
        plain = _Plain(network).train(network.training)
        TorchProgram(traced(plain, example, axes), outputs=outputs).write(file)

    def pack(self, source: Path, target: Path) -> None:
        """See `Format.pack`: the texts of the archive, which are long in a small network, are compressed."""
        with zipfile.ZipFile(source) as given, zipfile.ZipFile(target, "w") as packed:
            for record in given.infolist():
                same = zipfile.ZipInfo(record.filename)  # of no date: the same program is the same file
                same.compress_type = zipfile.ZIP_DEFLATED if record.filename.endswith(".json") else zipfile.ZIP_STORED
                packed.writestr(same, given.read(record))

    def prepare(self, source: Path, target: Path) -> None:
        """See `Format.prepare`."""
        shutil.copyfile(source, target)

    def numbers(self, file: Path) -> int | None:
        """See `Format.numbers`: a scheme may change how a program computes, and nothing of what it stores."""
        return None

    def complexity(self, file: Path, feed: Feed) -> Measurement:
        """See `Format.complexity`."""
        program = TorchProgram.read(file).program
        parameters = {id(parameter): parameter.numel() for parameter in program.parameters()}
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            program.module(check_guards=False)(*map(torch.from_numpy, feed.values()))
        return Measurement({"parameters": float(sum(parameters.values())), "macs": counter.get_total_flops() / 2})


class _Plain(nn.Module):
    """A network that gives a tensor or a tuple of them, as whoever loads its program knows no other types."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        given: Outputs = self.network(*inputs)
        return given if isinstance(given, Tensor) else tuple(given)


def traced(network: nn.Module, example: tuple[Tensor, ...], axes: Axes = FIXED) -> torch.export.ExportedProgram:
    """The program of `network`, called with `example`, for any batch, and any size of the dimensions in `axes`.

    Raises:
        TrialFailed: it cannot be traced, or not for any batch.
    """
    several = tuple(x.expand(LEAST, *x.shape[1:]).clone() if len(x) < LEAST else x for x in example)
    free = torch.export.Dim.DYNAMIC
    shapes: Any = tuple({0: free, **dict.fromkeys(axes.get(name, {}), free)} for name in names_in_file(example))
    if isinstance(network, _Plain):  # whose inputs are one tuple to torch
        shapes = (shapes,)
    is_fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # torch's fused attention is not the one that is compiled
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return torch.export.export(network, several, dynamic_shapes=shapes)
    except Exception as error:  # torch raises errors of many kinds over what it cannot trace
        said = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise TrialFailed(f"the network cannot be exported to {TorchExportFormat.title}: {said}") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(is_fused)
