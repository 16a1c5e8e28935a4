"""Inputs for an exported file as code, for a program that shows how it is run."""

from __future__ import annotations

from pathlib import Path

import onnx


def example_feed(file: Path, batch: int) -> str:
    """Python code that makes a batch of zeros for the exported `file`: what a `Runtime.script` takes as its inputs.

    Dimensions that the file leaves open are `batch` where they come first, and 1 elsewhere.
    """
    entries = []
    for value in onnx.load(file, load_external_data=False).graph.input:
        tensor = value.type.tensor_type
        sizes = [dim.dim_value or (1 if index else batch) for index, dim in enumerate(tensor.shape.dim)]
        kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
        entries.append(f'"{value.name}": np.zeros({tuple(sizes)}, dtype="{kind}")')
    return "{" + ", ".join(entries) + "}"
