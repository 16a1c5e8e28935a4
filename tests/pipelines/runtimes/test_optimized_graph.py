from pipelines.quantizers import DynamicInt8
from pipelines.runtimes.optimized_graph import operators


def test_what_is_executed_is_counted(exported, tmp_path) -> None:
    """Two convolutions with what follows them fused in, and one product."""
    found = operators(exported.file)
    assert found["Conv"] == 2
    assert found["Gemm"] == 1
    assert "Relu" not in found
    assert "BatchNormalization" not in found


def test_integer_kernels_have_types_of_their_own(exported, tmp_path) -> None:
    DynamicInt8().quantize(exported.file, tmp_path / "dynamic.onnx", lambda: [], {})
    found = operators(tmp_path / "dynamic.onnx")
    assert found["ConvInteger"] == 2
    assert not found.keys() & {"Conv", "Gemm", "MatMul"}


def test_nothing_is_left_beside_the_file(exported) -> None:
    before = sorted(exported.file.parent.iterdir())
    operators(exported.file)
    assert sorted(exported.file.parent.iterdir()) == before
