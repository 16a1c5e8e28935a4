"""Programs of ``torch.export`` as files (``.pt2``). Torch is imported when one is read or written."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.runtimes.runtime import OUTPUT

if TYPE_CHECKING:
    from torch.export import ExportedProgram

TF32 = "paredown_tf32"
"""The record of a file whose products are to be computed in TF32."""

OUTPUTS = "paredown_outputs"
"""The record of the names of the outputs, where there are several."""

FORGOTTEN = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node")
"""What a program knows of the code that it was made from: names, lines and folders of the machine."""


@dataclass(frozen=True)
class TorchProgram:
    """A program and how it is to be computed.

    Attributes:
        program: What ``torch.export.export`` gives.
        tf32: Whether products of float32 are computed in TF32 where the device can.
        outputs: The names of its outputs, the scored one first; it gives a tuple of them if there are several.
    """

    program: ExportedProgram
    tf32: bool = False
    outputs: tuple[str, ...] = (OUTPUT,)

    @classmethod
    def read(cls, file: Path) -> TorchProgram:
        """The program that `write` wrote.

        Raises:
            Exception: it is no such file, or was written otherwise: then it may hold pickled code, which is not loaded.
        """
        import torch

        if pickled := _pickled(file):
            raise ValueError(f"it holds pickled objects ({pickled}), which run code when they are loaded")
        extra = {TF32: "", OUTPUTS: ""}
        program = torch.export.load(file, extra_files=extra)
        return cls(program, extra[TF32] == "1", tuple(json.loads(extra[OUTPUTS] or f'["{OUTPUT}"]')))

    def write(self, file: Path) -> None:
        """Write it to the new `file`, without pickled objects and without a word on where it was made."""
        import torch

        for node in self.program.graph.nodes:
            for key in FORGOTTEN:
                node.meta.pop(key, None)
        self.program._example_inputs = None
        extra = {TF32: "1"} if self.tf32 else {}
        extra |= {OUTPUTS: json.dumps(self.outputs)} if self.outputs != (OUTPUT,) else {}
        torch.export.save(self.program, file, extra_files=extra)


def _pickled(file: Path) -> str:
    """The first record of `file` that holds pickled objects; empty if none does.

    Tensors lie in records of plain numbers, as their tables say; what is kept beside them is pickled.
    """
    with zipfile.ZipFile(file) as archive:
        for record in archive.infolist():
            if "/sample_inputs/" in record.filename and record.file_size:
                return record.filename
            if record.filename.endswith("_config.json"):
                for name, entry in json.loads(archive.read(record))["config"].items():
                    if entry.get("use_pickle"):
                        return str(name)
    return ""
