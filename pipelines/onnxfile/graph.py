"""An ONNX file as a graph: which constants are weights, and what is multiplied by what."""

from __future__ import annotations

import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import onnx
import onnxruntime as ort
from onnx import GraphProto, NodeProto, TensorProto

from pipelines.onnxfile.operators import RECURRENCES, operator
from pipelines.runtimes import Feed

VALUES = {
    getattr(TensorProto, name)
    for name in ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "INT8", "UINT8", "INT4", "UINT4", "INT2", "UINT2")
    if hasattr(TensorProto, name)
}
"""Types of weights; whole numbers of more bits are shapes and indices."""

Shape = tuple[int, ...]


class Graph:
    """The nodes of an ONNX file, with the shapes of what goes between them.

    Args:
        file: The file.
        feed: Inputs to run it with once, if shapes cannot be told otherwise.
    """

    def __init__(self, file: Path, feed: Feed) -> None:
        self._model, self._feed = onnx.load(file), feed
        for given in self._model.graph.input:
            shape = feed[given.name].shape if given.name in feed else ()
            for dim, size in zip(given.type.tensor_type.shape.dim, shape, strict=False):
                dim.dim_value = size
        for output in self._model.graph.output:
            output.type.tensor_type.ClearField("shape")
        graph = onnx.shape_inference.infer_shapes(self._model, data_prop=True).graph
        self._nodes = graph.node
        self._types = {tensor.name: tensor.data_type for tensor in graph.initializer}
        self._shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        self._varying: set[str] = {given.name for given in graph.input} - self._shapes.keys()
        for value in (*graph.input, *graph.value_info, *graph.output):
            kind = value.type.tensor_type
            self._types.setdefault(value.name, kind.elem_type)
            if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
                self._shapes.setdefault(value.name, tuple(dim.dim_value for dim in kind.shape.dim))
        self._varying = _varying(self._nodes, self._varying)
        self._forms = {node.output[0]: node.input[0] for node in self._nodes if operator(node.op_type).through}

    def parameters(self) -> int:
        """Return the number of weights, whatever form they are stored in.

        A weight is an element of a constant array that meets what depends on the input. Constants are followed up to
        there: an 8-bit array through its `DequantizeLinear`, a palette's indices through their `Gather`. Scales and
        zero points are no weights, and neither are single numbers.
        """
        sizes = {name: math.prod(self._shapes[name]) for name in self._weights(self._nodes, self._varying)}
        packed = (
            _attribute(node, "N") * _attribute(node, "K") for node in self._nodes if node.op_type == "MatMulNBits"
        )
        return sum(sizes.values()) + sum(packed)

    def macs(self) -> int:
        """Multiplications of convolutions, matrix products and recurrences, in their integer forms too.

        What is in the body of a loop counts each time that it is run.

        Raises:
            LookupError: a shape cannot be found out.
        """
        if any(_multiplies(node) for body in _bodies(self._nodes) for node in body.node):
            return sum(_macs(*executed) for executed in self._executed())
        products = [node for node in self._nodes if _multiplies(node)]
        needed = {name for node in products for name in (node.output[0], *node.input[: _READ[node.op_type]])}
        if missing := needed - self._shapes.keys() - {""}:
            self._shapes.update(self._run(sorted(missing)))
        return sum(
            _macs(node, [self._shapes.get(name, ()) for name in node.input], self._shapes.get(node.output[0], ()))
            for node in products
        )

    def _weights(self, nodes: Iterable[NodeProto], varying: set[str]) -> Iterator[str]:
        scales = {node.output[1] for node in nodes if node.op_type == "DynamicQuantizeLinear"}
        for node in nodes:
            for body in _bodies([node]):
                yield from self._weights(body.node, _varying(body.node, varying | {each.name for each in body.input}))
            if not varying.intersection(node.input) or scales.intersection(node.input):
                continue
            kind, weights = operator(node.op_type).kind, operator(node.op_type).weights
            for index, name in enumerate(node.input):
                if not name or name in varying or (weights is not None and index not in weights):
                    continue
                origin = self._origin(name)
                shape = self._shapes.get(origin)
                # A single number in such an operator is a factor that somebody wrote down, not a weight.
                factor = kind == "scaling" and shape and math.prod(shape) == 1
                if shape and not factor and self._types.get(name) in VALUES:
                    yield origin

    def _origin(self, name: str) -> str:
        """The array in the file that the constant `name` is another form of."""
        while name in self._forms:
            name = self._forms[name]
        return name

    def _executed(self) -> Iterator[tuple[NodeProto, list[Shape], Shape]]:
        """The convolutions and products that run for one input, with the shapes of what they read and give."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        nodes = {f"n{number}": node for number, node in enumerate(_all_nodes(model.graph))}
        for name, node in nodes.items():
            node.name = name
        with tempfile.TemporaryDirectory() as folder:
            options = _plain_options()
            options.enable_profiling, options.profile_file_prefix = True, f"{folder}/"
            try:
                session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
                session.run(None, self._feed)
                events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
            except Exception as error:  # ONNX Runtime's errors have no common base below Exception
                raise LookupError(f"what is in the body of a loop cannot be run: {error}") from error
        for event in events:
            name, _, kind = event["name"].rpartition("_kernel_")
            if kind == "time" and name in nodes and _multiplies(nodes[name]):
                given, (made, *_) = (
                    [tuple(shape) for each in event["args"][f"{side}_type_shape"] for shape in each.values()]
                    for side in ("input", "output")
                )
                # What a body reads from outside of it is not told there.
                known, told = [self._shapes.get(each) for each in nodes[name].input], iter(given)
                if len(given) < len(known):
                    given = [next(told, ()) if shape is None else shape for shape in known]
                yield nodes[name], given, made

    def _run(self, names: list[str]) -> dict[str, Shape]:
        """The shapes of tensors, from running the file as it stands, once."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        options = _plain_options()
        try:
            session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            return {name: array.shape for name, array in zip(names, session.run(names, self._feed), strict=True)}
        except Exception as error:  # ONNX Runtime's errors have no common base below Exception
            raise LookupError(f"the shapes of {', '.join(names)} cannot be found out: {error}") from error


_READ = defaultdict(
    lambda: 2, {"QLinearConv": 4, "QLinearMatMul": 4, "QGemm": 4, "Einsum": 99, **dict.fromkeys(RECURRENCES, 3)}
)
"""How many of the first inputs of an operator tell what it multiplies."""


def _multiplies(node: NodeProto) -> bool:
    """True for a convolution, product or recurrence whose factors are inputs as they are, or packed in a known way."""
    known = operator(node.op_type)
    return known.multiplies and (known.kernel is not None or node.op_type in (*RECURRENCES, "Einsum", "MatMulNBits"))


def _macs(node: NodeProto, given: Sequence[Shape], made: Shape) -> int:
    """The multiplications of `node`, which reads and gives arrays of these shapes."""
    out, known = math.prod(made), operator(node.op_type)
    if node.op_type in RECURRENCES:  # each step and each example meets all weights
        return math.prod(given[0][:2]) * (math.prod(given[1]) + math.prod(given[2]))
    if node.op_type == "Einsum":
        return _macs_of_sum(node, given)
    if node.op_type == "MatMulNBits":
        return out * _attribute(node, "K")
    other = given[known.kernel or 0]
    if known.kind == "transposed convolution":  # the kernel: (in channels, out channels of a group, *kernel)
        return math.prod(given[0]) * math.prod(other[1:])
    if known.kind == "convolution":  # the kernel: (out channels, in channels of a group, *kernel)
        return out * math.prod(other[1:])
    return out * (other[-1] if _attribute(node, "transB") or len(other) == 1 else other[-2])


def _macs_of_sum(node: NodeProto, given: Sequence[Shape]) -> int:
    """Those of an ``Einsum``: of one operand none; of two, a multiplication for each choice of all indices."""
    equation = next(attribute.s.decode() for attribute in node.attribute if attribute.name == "equation")
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, given, strict=True):
        before, dots, after = term.partition("...")
        places = [*before, *(f"…{at}" for at in range(len(shape) - len(before) - len(after), 0, -1) if dots), *after]
        for place, size in zip(places, shape, strict=True):
            sizes[place] = max(size, sizes.get(place, 1))
    return (len(terms) - 1) * math.prod(sizes.values())


def _plain_options() -> ort.SessionOptions:
    """Options with which a file is run as it stands."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return options


def _varying(nodes: Iterable[NodeProto], given: set[str]) -> set[str]:
    """What depends on `given` among what `nodes` give, with `given` itself."""
    found = set(given)
    for node in nodes:  # what a node reads comes before it
        read = {name for inner in _all_nodes_of(_bodies([node])) for name in inner.input}
        if found.intersection([*node.input, *read]):
            found.update(node.output)
    return found


def _bodies(nodes: Iterable[NodeProto]) -> Iterator[GraphProto]:
    """The bodies of the loops and branches among `nodes`."""
    for node in nodes:
        for attribute in node.attribute:
            yield from [attribute.g] if attribute.HasField("g") else attribute.graphs


def _all_nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """The nodes of `graph` and of all bodies in it."""
    for node in graph.node:
        yield node
        yield from _all_nodes_of(_bodies([node]))


def _all_nodes_of(graphs: Iterable[GraphProto]) -> Iterator[NodeProto]:
    for graph in graphs:
        yield from _all_nodes(graph)


def _attribute(node: NodeProto, name: str) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == name), 0)
