from types import SimpleNamespace

import pytest

from pipelines import STEPS, extra, runtime_problem, scheme_problem, suited
from pipelines.quantizers import QUANTIZERS
from pipelines.runtimes import RUNTIMES
from spaces import SearchSpace


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_can_be_used_here_and_has_a_scheme(runtime: str) -> None:
    assert runtime_problem(runtime) is None
    assert scheme_problem("none", runtime) is None
    assert [scheme for scheme in QUANTIZERS if scheme_problem(scheme, runtime) is None]


def test_a_scheme_names_runtimes_that_exist() -> None:
    for quantizer in QUANTIZERS.values():
        assert set(quantizer.declares.runtimes) <= set(RUNTIMES)


def test_a_runtime_that_is_not_known_is_told() -> None:
    assert "did you mean 'openvino'" in runtime_problem("openvin")


def test_a_scheme_for_another_runtime_is_ruled_out() -> None:
    problem = scheme_problem("nncf-int8", "onnxruntime")
    assert problem.startswith("'nncf-int8' is for openvino, not for onnxruntime; legal: none, ")
    assert "static-int8" in problem
    assert scheme_problem("nncf-int8", "openvino") is None


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise extra.PackageNotFoundError(name)

    monkeypatch.setattr(extra, "version", absent)
    install = "install it: pip install -e '.[openvino]'"
    assert runtime_problem("openvino") == f"'openvino' needs the package openvino, which is not installed; {install}"
    assert scheme_problem("nncf-int8", "openvino").endswith(install)


def test_schemes_are_for_onnx_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNTIMES, "numpy", SimpleNamespace(name="numpy", format="npz"))
    expected = "'static-int8' works on ONNX files, and numpy executes npz; legal: none"
    assert scheme_problem("static-int8", "numpy") == expected


def test_a_space_is_left_with_what_suits_the_runtime() -> None:
    space = SearchSpace.parse({"quantization": {"scheme": ["none", "nncf-int8", "fp16"]}}, STEPS)
    left, problems = suited(space, "onnxruntime")
    assert left.axis("quantization.scheme").values == ("none", "fp16")
    assert [problem.where for problem in problems] == ["space.quantization.scheme"]
    assert problems[0].message == scheme_problem("nncf-int8", "onnxruntime")
    only_one = space.without("quantization.scheme", ["nncf-int8"])
    assert suited(only_one, "onnxruntime") == (only_one, [])
