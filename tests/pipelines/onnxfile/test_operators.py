import onnx
import pytest
from onnxruntime.quantization.registry import IntegerOpsRegistry, QDQRegistry, QLinearOpsRegistry

from pipelines.onnxfile.operators import OPERATORS, operator


def test_static_int8_takes_all_that_onnx_runtime_can_but_normalizations_and_softmax() -> None:
    static = {name for name, each in OPERATORS.items() if each.static}
    normalizations = {name for name, each in OPERATORS.items() if each.kind == "normalization"}
    assert static == {*QDQRegistry, *QLinearOpsRegistry} - normalizations - {"Softmax"}


def test_dynamic_int8_takes_all_that_onnx_runtime_can() -> None:
    """Besides, ONNX Runtime makes a ``Gemm`` a ``MatMul`` first."""
    assert {name for name, each in OPERATORS.items() if each.dynamic} == {*IntegerOpsRegistry, "Gemm"}


@pytest.mark.parametrize("name", [name for name in OPERATORS if onnx.defs.has(name)])
def test_inputs_of_standard_operators_exist(name) -> None:
    inputs = onnx.defs.get_schema(name).inputs
    found = operator(name)
    assert all(index < len(inputs) for index in (found.kernel or 0, *(found.weights or ())))


def test_of_an_unknown_operator_any_input_may_be_a_weight() -> None:
    found = operator("Unheard")
    assert (found.kernel, found.weights, found.multiplies) == (None, None, False)
