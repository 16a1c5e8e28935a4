"""Quantization schemes. A new one is a file here with a `Quantizer`, and its line in `QUANTIZERS`."""

from pipelines.quantizers.dynamic_int8 import DynamicInt8
from pipelines.quantizers.nncf_int8 import NncfInt8
from pipelines.quantizers.quantizer import Quantizer
from pipelines.quantizers.static_int8 import StaticInt8

QUANTIZERS: dict[str, Quantizer] = {
    quantizer.name: quantizer for quantizer in (DynamicInt8(), StaticInt8(), NncfInt8())
}

__all__ = ["QUANTIZERS", "DynamicInt8", "NncfInt8", "Quantizer", "StaticInt8"]
