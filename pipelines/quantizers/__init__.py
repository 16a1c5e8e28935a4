"""Quantization schemes. A new one is a file here with a `Quantizer`, and its line in `QUANTIZERS`."""

from pipelines.quantizers.bf16 import Bf16
from pipelines.quantizers.calibration import Calibration
from pipelines.quantizers.dynamic_int8 import DynamicInt8
from pipelines.quantizers.fp16 import Fp16
from pipelines.quantizers.nncf_int8 import NncfInt8
from pipelines.quantizers.palettize import Palettize
from pipelines.quantizers.qat_int8 import QatInt8
from pipelines.quantizers.quantizer import Quantizer
from pipelines.quantizers.static_int8 import StaticInt8
from pipelines.quantizers.tf32 import Tf32
from pipelines.quantizers.weight_fp16 import WeightFp16
from pipelines.quantizers.weight_int4 import WeightInt4
from pipelines.quantizers.weight_int8 import WeightInt8

QUANTIZERS: dict[str, Quantizer] = {
    quantizer.name: quantizer
    for quantizer in (
        Fp16(),
        WeightFp16(),
        DynamicInt8(),
        StaticInt8(),
        QatInt8(),
        WeightInt8(),
        WeightInt4(),
        Palettize(),
        NncfInt8(),
        Tf32(),
        Bf16(),
    )
}

__all__ = [
    "QUANTIZERS",
    "Bf16",
    "Calibration",
    "DynamicInt8",
    "Fp16",
    "NncfInt8",
    "Palettize",
    "QatInt8",
    "Quantizer",
    "StaticInt8",
    "Tf32",
    "WeightFp16",
    "WeightInt4",
    "WeightInt8",
]
