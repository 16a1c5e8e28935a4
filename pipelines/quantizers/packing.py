"""Weights as palettes in an ONNX file: codes of a few bits, and the functions that make weights of them again.

The functions are made of standard operators and stand in the file. ONNX Runtime inlines and computes them when it loads
the file, as nothing in them depends on an input: the network then runs as if its weights had been there.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def dense(codes: np.ndarray, codebook: np.ndarray, bits: int) -> Packed:
    """The weight ``codebook[codes]``, one code for each of its numbers."""
    shape = np.array(codes.shape, dtype=np.int64)
    return Packed(f"Palette{bits}", {"codes": pack(codes, bits), "codebook": codebook, "shape": shape})


def sparse(codes: np.ndarray, codebook: np.ndarray, bits: int) -> Packed:
    """The same for a weight that is mostly code 0, which must mean zero: the other codes, and the gaps between them.

    Source: S. Han, H. Mao, W. J. Dally, "Deep Compression", 2016, section 2: a gap that is too long for its bits is
    bridged by a code 0.
    """
    flat = codes.reshape(-1)
    places = np.flatnonzero(flat)
    options = [_with_gaps(flat, places, gap_bits) for gap_bits in range(2, 9)]
    kept, gaps, gap_bits = min(options, key=lambda option: len(option[0]) * (bits + option[2]))
    shape = np.array(codes.shape, dtype=np.int64)
    inputs = {"codes": pack(kept, bits), "gaps": pack(gaps, gap_bits), "codebook": codebook, "shape": shape}
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


def function(name: str) -> Any:
    """The ONNX function called `name`, as `Packed.function` names it."""
    if name.startswith("Palette"):
        bits = int(name.removeprefix("Palette"))
        nodes = [
            helper.make_node("ReduceProd", ["shape"], ["count"], keepdims=1),
            *_unpack("codes", bits),
            helper.make_node("Gather", ["codebook", "codes_all"], ["flat"]),
            helper.make_node("Reshape", ["flat", "shape"], ["weight"]),
        ]
        inputs = ["codes", "codebook", "shape"]
    else:
        bits, gap_bits = map(int, name.removeprefix("Sparse").split("_"))
        nodes = [
            *_unpack("codes", bits),
            *_unpack("gaps", gap_bits),
            _constant("one", 1, np.int32),
            _constant("axis", 0, np.int32),
            helper.make_node("Add", ["gaps_all", "one"], ["distances"]),
            helper.make_node("CumSum", ["distances", "axis"], ["ends"]),
            helper.make_node("Sub", ["ends", "one"], ["places"]),
            helper.make_node("Gather", ["codebook", "codes_all"], ["values"]),
            helper.make_node("ReduceProd", ["shape"], ["length"], keepdims=1),
            helper.make_node("ConstantOfShape", ["length"], ["zeros"]),
            helper.make_node("ScatterElements", ["zeros", "places", "values"], ["flat"], axis=0),
            helper.make_node("Reshape", ["flat", "shape"], ["weight"]),
        ]
        inputs = ["codes", "gaps", "codebook", "shape", "count"]
    return helper.make_function(DOMAIN, name, inputs, ["weight"], nodes, [helper.make_opsetid("", OPSET)])


def _unpack(name: str, bits: int) -> Sequence[Any]:
    """Nodes that make of `name`, (groups, bits) bytes, the first ``count`` codes, called ``name_all``, (count,).

    A code begins in byte ``start`` of its group and may reach into the next one.
    """
    starts = [index * bits // 8 for index in range(8)]
    shifts = [index * bits % 8 for index in range(8)]

    def n(suffix: str) -> str:
        return f"{name}_{suffix}"

    return [
        _constant(n("pads"), [0, 0, 0, 1], np.int64),
        _constant(n("starts"), starts, np.int64),
        _constant(n("nexts"), [start + 1 for start in starts], np.int64),
        _constant(n("shifts"), shifts, np.uint32),
        _constant(n("byte"), 8, np.uint32),
        _constant(n("mask"), 2**bits - 1, np.uint32),
        _constant(n("flat"), [-1], np.int64),
        _constant(n("first"), [0], np.int64),
        helper.make_node("Pad", [name, n("pads")], [n("padded")]),
        helper.make_node("Cast", [n("padded")], [n("wide")], to=TensorProto.UINT32),
        helper.make_node("Gather", [n("wide"), n("starts")], [n("low")], axis=1),
        helper.make_node("Gather", [n("wide"), n("nexts")], [n("next")], axis=1),
        helper.make_node("BitShift", [n("next"), n("byte")], [n("high")], direction="LEFT"),
        helper.make_node("BitwiseOr", [n("low"), n("high")], [n("both")]),
        helper.make_node("BitShift", [n("both"), n("shifts")], [n("down")], direction="RIGHT"),
        helper.make_node("BitwiseAnd", [n("down"), n("mask")], [n("masked")]),
        helper.make_node("Cast", [n("masked")], [n("whole")], to=TensorProto.INT32),
        helper.make_node("Reshape", [n("whole"), n("flat")], [n("padded_all")]),
        helper.make_node("Slice", [n("padded_all"), n("first"), "count"], [n("all")]),
    ]


def _constant(name: str, value: Any, dtype: Any) -> Any:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(value, dtype=dtype), name))
