"""Programs of ``torch.export`` that compute in 16 bits, and take and give single precision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from pipelines.errors import TrialFailed
from pipelines.formats.torch_export_format import LEAST, traced
from pipelines.runtimes import TorchProgram
from pipelines.tasks.declared import Axes
from pipelines.tasks.input_names import input_names

COPY = torch.ops.aten._to_copy.default


def narrowed(given: TorchProgram, dtype: torch.dtype) -> TorchProgram:
    """`given` with weights, activations and whatever its graph names as float32 in `dtype`.

    Inputs are cast as they come and outputs as they go. Numbers in the graph that are beyond `dtype`, such as those
    that stand for −∞ in masks, become its largest. The graph is traced anew, so that every operator's types are known
    to fit before the file is written.

    Raises:
        TrialFailed: a weight is beyond `dtype`, or operators do not take it.
    """
    example = example_of(given)
    module: Any = given.program.module(check_guards=False)
    _narrow_tensors(module, dtype)
    limit, graph = torch.finfo(dtype).max, module.graph

    def narrow(value: Any) -> Any:
        if value is torch.float32:
            return dtype
        return max(-limit, min(limit, value)) if isinstance(value, float) else value

    for node in list(graph.nodes):
        if node.op == "call_function":
            node.args, node.kwargs = tree_map(narrow, (node.args, node.kwargs))
    for node, x in zip([node for node in graph.nodes if node.op == "placeholder"], example, strict=True):
        if x.is_floating_point():
            with graph.inserting_after(node):
                cast = graph.call_function(COPY, (node,), {"dtype": dtype})
            node.replace_all_uses_with(cast, delete_user_cb=lambda user, cast=cast: user is not cast)
    last = graph.output_node()
    with graph.inserting_before(last):
        for output in dict.fromkeys(last.all_input_nodes):
            wide = graph.call_function(COPY, (output,), {"dtype": torch.float32})
            output.replace_all_uses_with(wide, delete_user_cb=lambda user: user is last)
    module.recompile()
    return replace(given, program=traced(module, example, free_axes(given)))


def free_axes(given: TorchProgram) -> Axes:
    """The dimensions of its inputs, besides the first, that a program leaves free, by the input's name."""
    shapes = [x.shape for x in _inputs(given)]
    return {
        name: {axis: f"dim_{axis}" for axis, size in enumerate(shape) if axis and not isinstance(size, int)}
        for name, shape in zip(input_names(len(shapes)), shapes, strict=True)
    }


def example_of(given: TorchProgram) -> tuple[Tensor, ...]:
    """Inputs of zeros with which a program can be traced, as it tells of their shapes and types itself."""
    return tuple(
        torch.zeros([n if isinstance(n, int) else LEAST for n in x.shape], dtype=x.dtype) for x in _inputs(given)
    )


def _inputs(given: TorchProgram) -> list[Any]:
    """The inputs as the program knows them: shapes and types, in order."""
    nodes = {node.name: node.meta["val"] for node in given.program.graph.nodes if node.op == "placeholder"}
    return [nodes[str(name)] for name in given.program.graph_signature.user_inputs]


def _narrow_tensors(module: Any, dtype: torch.dtype) -> None:
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.is_floating_point():
            narrow = tensor.detach().to(dtype)
            if torch.isfinite(tensor).all() and not torch.isfinite(narrow).all():
                raise TrialFailed(f"{name} has values above {torch.finfo(dtype).max:g}, the largest number in {dtype}")
            owner, _, last = name.rpartition(".")
            owned = module.get_submodule(owner)
            if last in owned._parameters:
                owned._parameters[last] = torch.nn.Parameter(narrow, requires_grad=False)
            else:
                owned._buffers[last] = narrow
