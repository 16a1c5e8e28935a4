"""Weight-only int4: weights of matrix products and embeddings are stored in 4 bits."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.capi._pybind_state import quantize_matmul_4bits
from onnxruntime.quantization.onnx_model import ONNXModel
from torch import nn

from pipelines.declaration import Declaration
from pipelines.errors import UnchangedError
from pipelines.onnxfile.layers import LEAST
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.dynamic_int8 import also_as_products
from pipelines.quantizers.parameters import KEEPING, keeps_none, refined
from spaces import Parameter, Params

BLOCK = 32
IR_VERSION = 10  # the first with tensors of 4 bits
DOMAIN = "com.microsoft"
REACHED = f"in linear layers with at least {BLOCK} inputs, or in embeddings of as many numbers: so many share one scale"


class WeightInt4:
    """Weights of matrix products, and tables of embeddings, in 4 bits with one scale for each 32 of them.

    It gains size, not speed: a weight takes 5 bits with its share of the scale, and the products are computed in
    floating point by ONNX Runtime's own ``MatMulNBits`` and ``GatherBlockQuantized``. Convolutions stay as they are. It
    needs no calibration, and zeros stay zeros. Source: ONNX Runtime documentation, "Quantize ONNX Models" and
    "Contrib Operators".
    """

    name = "weight-int4"
    parameters: tuple[Parameter, ...] = KEEPING
    declares = Declaration(formats=("onnx",), knows_structure=keeps_none)
    aware = False

    def problem(self, model: nn.Module) -> str | None:
        """See `Quantizer.problem`."""
        recurrent = {id(p) for m in model.modules() if isinstance(m, nn.RNNBase) for p in m.parameters()}
        weights = [p for p in model.parameters() if p.ndim >= 2]
        reached = (p.numel() for p in weights if p.ndim == 2 and p.shape[1] >= BLOCK and id(p) not in recurrent)
        return _too_few(sum(reached), sum(p.numel() for p in weights))

    def quantize(
        self, source: Path, target: Path, calibration: Calibration, params: Params, keep: Collection[str] = ()
    ) -> None:
        """See `Quantizer.quantize`."""
        model = ONNXModel(onnx.load(source))
        weights = [
            math.prod(i.dims)
            for i in model.graph().initializer
            if i.data_type == TensorProto.FLOAT and len(i.dims) >= 2
        ]
        model.replace_gemm_with_matmul()
        found = list(_matrices(model.graph()))
        reached = {name: matrix.size for _, name, matrix in found}
        if problem := _too_few(sum(reached.values()), sum(weights)):
            raise UnchangedError(problem)
        kept, packed = also_as_products(keep), dict[str, Any]()
        for node, name, matrix in found:
            if node.name not in kept:
                tensors = _product(name, matrix) if node.op_type == "MatMul" else _table(name, matrix)
                packed |= {tensor.name: tensor for tensor in tensors}
                node.CopyFrom(_call(node, matrix, tensors))
        model.graph().initializer.extend(packed.values())
        model.clean_initializers()
        model.set_opset_import(DOMAIN, 1)
        model.model.ir_version = max(model.model.ir_version, IR_VERSION)
        onnx.save(model.model, target)

    def label(self, params: Params) -> str:
        """See `Quantizer.label`."""
        return refined(self.name, params, self.parameters)


def _too_few(reached: int, weights: int) -> str | None:
    """Return why 4 bits would change next to nothing where they reach so many of the weights, or None."""
    if reached >= LEAST * weights > 0:
        return None
    share = f"{100 * reached / weights:.3g}%" if reached else "none"
    return f"{share} of the weights are {REACHED}"


def _matrices(graph: Any) -> Iterator[tuple[Any, str, np.ndarray]]:
    """The products and look-ups whose constant matrix is large enough: operator, the matrix's name, its values."""
    matrices = {i.name: i for i in graph.initializer if i.data_type == TensorProto.FLOAT and len(i.dims) == 2}
    for node in graph.node:
        if node.op_type == "MatMul" and (matrix := matrices.get(node.input[1])) and matrix.dims[0] >= BLOCK:
            yield node, matrix.name, numpy_helper.to_array(matrix)
        by_rows = all(attribute.i == 0 for attribute in node.attribute)
        if node.op_type == "Gather" and by_rows and (matrix := matrices.get(node.input[0])) and matrix.dims[1] >= BLOCK:
            yield node, matrix.name, numpy_helper.to_array(matrix)


def _product(name: str, matrix: np.ndarray) -> list[Any]:
    """`matrix` (inputs, outputs) as ``MatMulNBits`` takes it: codes and scales."""
    inputs, outputs = matrix.shape
    blocks = -(-inputs // BLOCK)
    padded = np.pad(matrix, ((0, blocks * BLOCK - inputs), (0, 0)))
    codes = np.zeros((outputs, blocks, BLOCK // 2), dtype=np.uint8)
    scales = np.zeros((outputs, blocks), dtype=np.float32)
    zeros = np.zeros((outputs, (blocks + 1) // 2), dtype=np.uint8)  # asked for, and unused: the codes are symmetric
    quantize_matmul_4bits(codes, padded, scales, zeros, BLOCK, outputs, inputs, True)
    return [numpy_helper.from_array(codes, f"{name}_product4"), numpy_helper.from_array(scales, f"{name}_scales")]


def _table(name: str, matrix: np.ndarray) -> list[Any]:
    """`matrix` (entries, numbers) as ``GatherBlockQuantized`` takes it: codes and scales."""
    entries, numbers = matrix.shape
    blocks = -(-numbers // BLOCK)
    padded = np.pad(matrix, ((0, 0), (0, blocks * BLOCK - numbers))).reshape(entries, blocks, BLOCK)
    scales = (np.abs(padded).max(axis=2, keepdims=True) / 7).astype(np.float32)
    codes = np.rint(padded / np.where(scales > 0, scales, 1)).astype(np.int64).reshape(entries, -1)[:, :numbers]
    return [
        helper.make_tensor(f"{name}_table4", TensorProto.INT4, matrix.shape, codes.reshape(-1)),
        numpy_helper.from_array(scales[:, :, 0], f"{name}_table_scales"),
    ]


def _call(node: Any, matrix: np.ndarray, tensors: list[Any]) -> Any:
    codes, scales = (tensor.name for tensor in tensors)
    if node.op_type == "MatMul":
        operator, inputs = "MatMulNBits", [node.input[0], codes, scales]
        settings = {"K": matrix.shape[0], "N": matrix.shape[1], "bits": 4}
    else:
        operator, inputs = "GatherBlockQuantized", [codes, node.input[1], scales]
        settings = {"gather_axis": 0, "quantize_axis": 1}
    return helper.make_node(
        operator, inputs, list(node.output), name=node.name, domain=DOMAIN, block_size=BLOCK, **settings
    )
