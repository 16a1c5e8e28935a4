"""Weights as palettes in an ONNX file: codes of a few bits, and the functions that make weights of them again.

The functions are made of standard operators and stand in the file. ONNX Runtime inlines and computes them when it loads
the file, as nothing in them depends on an input: the network then runs as if its weights had been there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "paredown"
OPSET = 18


@dataclass(frozen=True)
class Packed:
    """A weight in few bits: the call that unpacks it.

    Attributes:
        function: The function that is called.
        inputs: Its inputs, by a word that tells them apart.
    """

    function: str
    inputs: dict[str, np.ndarray]

    @property
    def size_bytes(self) -> int:
        """The bytes of the inputs."""
        return sum(array.nbytes for array in self.inputs.values())


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Each eight codes below ``2**bits`` as `bits` bytes: shape (groups of eight, bits), the last group zero-filled."""
    groups = -(-codes.size // 8)
    filled = np.zeros(groups * 8, dtype=np.uint8)
    filled[: codes.size] = codes.reshape(-1)
    unpacked = np.unpackbits(filled[:, None], axis=1, bitorder="little")[:, :bits]
    return np.packbits(unpacked.reshape(groups, 8 * bits), axis=1, bitorder="little")


def dense(codes: np.ndarray, codebooks: np.ndarray, bits: int, rows: int) -> Packed:
    """A weight with one code for each of its numbers: ``codebooks[row // rows][code]``, row by row.

    Args:
        codes: The codes, in the weight's shape.
        codebooks: What they mean, (groups, colours).
        bits: Of each code.
        rows: So many rows, the first axis, share a codebook.
    """
    return Packed(f"Palette{bits}", {"codes": pack(codes, bits), **_meaning(codes, codebooks, rows)})


def _meaning(codes: np.ndarray, codebooks: np.ndarray, rows: int) -> dict[str, np.ndarray]:
    return {
        "codebook": codebooks,
        "shape": np.array(codes.shape, dtype=np.int64),
        "each": np.array(rows * codes[0].size, dtype=np.int32),
    }


def sparse(codes: np.ndarray, codebooks: np.ndarray, bits: int, rows: int) -> Packed:
    """The same for a weight that is mostly code 0, which must mean zero: the other codes, and the gaps between them.

    Source: S. Han, H. Mao, W. J. Dally, "Deep Compression", 2016, section 2: a gap that is too long for its bits is
    bridged by a code 0.
    """
    flat = codes.reshape(-1)
    places = np.flatnonzero(flat)
    options = [_with_gaps(flat, places, gap_bits) for gap_bits in range(2, 9)]
    kept, gaps, gap_bits = min(options, key=lambda option: len(option[0]) * (bits + option[2]))
    inputs = {"codes": pack(kept, bits), "gaps": pack(gaps, gap_bits), **_meaning(codes, codebooks, rows)}
    return Packed(f"Sparse{bits}_{gap_bits}", {**inputs, "count": np.array([len(kept)], dtype=np.int64)})


def _with_gaps(flat: np.ndarray, places: np.ndarray, gap_bits: int) -> tuple[np.ndarray, np.ndarray, int]:
    longest = 2**gap_bits
    distances = np.diff(places, prepend=-1)
    bridges = (distances - 1) // longest
    ends = np.cumsum(bridges + 1) - 1
    gaps = np.full(int(ends[-1]) + 1 if len(ends) else 0, longest - 1, dtype=np.uint8)
    kept = np.zeros_like(gaps)
    gaps[ends] = distances - 1 - bridges * longest
    kept[ends] = flat[places]
    return kept, gaps, gap_bits


def shape_of(call: Any) -> str:
    """The name of the input that has the weight's shape, in a call of one of the functions."""
    return str(call.input[2 if call.op_type.startswith("Palette") else 3])


def functions(names: Iterable[str]) -> list[Any]:
    """The ONNX functions called `names`, as `Packed.function` has them, and those that they call themselves."""
    made = [_sparse(name) if name.startswith("Sparse") else _palette(name) for name in sorted(set(names))]
    called = sorted({node.op_type for function in made for node in function.node if node.domain == DOMAIN})
    return [*(_unpack(int(name.removeprefix("Unpack"))) for name in called), *made]


def _palette(name: str) -> Any:
    bits = int(name.removeprefix("Palette"))
    nodes = [
        helper.make_node("ReduceProd", ["shape"], ["n"]),
        helper.make_node(f"Unpack{bits}", ["codes", "n"], ["c"], domain=DOMAIN),
        _constant("from", 0, np.int32),
        _constant("step", 1, np.int32),
        helper.make_node("Squeeze", ["n"], ["count64"]),
        helper.make_node("Cast", ["count64"], ["to"], to=TensorProto.INT32),
        helper.make_node("Range", ["from", "to", "step"], ["p"]),
        *_looked_up("c", "p"),
        helper.make_node("Reshape", ["v", "shape"], ["weight"]),
    ]
    return _function(name, ["codes", "codebook", "shape", "each"], nodes)


def _looked_up(codes: str, places: str) -> list[Any]:
    """The values ``v`` of `codes` at `places`: each codebook serves ``each`` places in a row."""
    return [
        _constant("flat", [-1], np.int64),
        helper.make_node("Reshape", ["codebook", "flat"], ["values"]),
        helper.make_node("Shape", ["codebook"], ["colours64"], start=1, end=2),
        helper.make_node("Cast", ["colours64"], ["colours"], to=TensorProto.INT32),
        helper.make_node("Div", [places, "each"], ["group"]),
        helper.make_node("Mul", ["group", "colours"], ["begin"]),
        helper.make_node("Add", ["begin", codes], ["where"]),
        helper.make_node("Gather", ["values", "where"], ["v"]),
    ]


def _sparse(name: str) -> Any:
    bits, gap_bits = map(int, name.removeprefix("Sparse").split("_"))
    nodes = [
        helper.make_node(f"Unpack{bits}", ["codes", "count"], ["c"], domain=DOMAIN),
        helper.make_node(f"Unpack{gap_bits}", ["gaps", "count"], ["g"], domain=DOMAIN),
        _constant("i", 1, np.int32),
        _constant("o", 0, np.int32),
        helper.make_node("Add", ["g", "i"], ["d"]),
        helper.make_node("CumSum", ["d", "o"], ["e"]),
        helper.make_node("Sub", ["e", "i"], ["p"]),
        *_looked_up("c", "p"),
        helper.make_node("ReduceProd", ["shape"], ["n"]),
        helper.make_node("ConstantOfShape", ["n"], ["z"]),
        helper.make_node("ScatterElements", ["z", "p", "v"], ["s"]),
        helper.make_node("Reshape", ["s", "shape"], ["weight"]),
    ]
    return _function(name, ["codes", "gaps", "codebook", "shape", "each", "count"], nodes)


def _unpack(bits: int) -> Any:
    """A function that makes of packed codes (groups, bits) the first ``count`` codes, (count,).

    Code k of a group begins at bit ``k * bits`` and may reach into the next byte. One product puts the two bytes of
    each code together; what does not belong to it is shifted and masked away.
    """
    start, shift = np.divmod(np.arange(8) * bits, 8)
    pairs = np.zeros((bits + 1, 8), dtype=np.uint32)
    pairs[start, np.arange(8)] = 1
    pairs[start + 1, np.arange(8)] = 256
    nodes = [
        _constant("m", pairs[:bits], np.uint32),  # the last code ends with the last byte
        _constant("s", shift, np.uint32),
        _constant("k", 2**bits - 1, np.uint32),
        _constant("f", [-1], np.int64),
        _constant("o", [0], np.int64),
        helper.make_node("Cast", ["codes"], ["a"], to=TensorProto.UINT32),
        helper.make_node("MatMul", ["a", "m"], ["b"]),
        helper.make_node("BitShift", ["b", "s"], ["c"], direction="RIGHT"),
        helper.make_node("BitwiseAnd", ["c", "k"], ["d"]),
        helper.make_node("Cast", ["d"], ["e"], to=TensorProto.INT32),
        helper.make_node("Reshape", ["e", "f"], ["g"]),
        helper.make_node("Slice", ["g", "o", "count"], ["all"]),
    ]
    return _function(f"Unpack{bits}", ["codes", "count"], nodes, "all")


def _function(name: str, inputs: list[str], nodes: list[Any], output: str = "weight") -> Any:
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_function(DOMAIN, name, inputs, [output], nodes, imports)


def _constant(name: str, value: Any, dtype: Any) -> Any:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value, dtype=dtype)))
