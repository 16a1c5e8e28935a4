from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from pipelines import STEPS, extra, metric_problem, runtime_problem, scheme_problem, suited
from pipelines.formats import FORMATS, OnnxFormat
from pipelines.quantizers import QUANTIZERS
from pipelines.runtimes import RUNTIMES, OnnxRuntime, Target, Targets
from spaces import SearchSpace


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_can_be_used_here_and_has_a_scheme(runtime: str) -> None:
    assert runtime_problem(runtime) is None
    assert scheme_problem("none", Target(runtime)) is None
    assert [scheme for scheme in QUANTIZERS if scheme_problem(scheme, Target(runtime)) is None]


def test_a_scheme_names_formats_and_runtimes_that_exist() -> None:
    for quantizer in QUANTIZERS.values():
        assert set(quantizer.declares.runtimes) <= set(RUNTIMES)
        assert quantizer.declares.formats
        assert set(quantizer.declares.formats) <= set(FORMATS)


def test_a_runtime_that_is_not_known_is_told() -> None:
    assert "did you mean 'openvino'" in runtime_problem("openvin")


def test_a_scheme_for_another_runtime_is_ruled_out() -> None:
    problem = scheme_problem("nncf-int8", Target("onnxruntime"))
    assert problem.startswith("'nncf-int8' is for openvino, not for onnxruntime; legal: none, ")
    assert "static-int8" in problem
    assert scheme_problem("nncf-int8", Target("openvino")) is None


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise extra.PackageNotFoundError(name)

    monkeypatch.setattr(extra, "version", absent)
    install = "install it: pip install -e '.[openvino]'"
    assert runtime_problem("openvino") == f"'openvino' needs the package openvino, which is not installed; {install}"
    assert scheme_problem("nncf-int8", Target("openvino")).endswith(install)


def test_a_scheme_that_does_not_work_on_the_runtimes_format_is_ruled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNTIMES, "numpy", SimpleNamespace(name="numpy", format="npz"))
    expected = "'static-int8' works on onnx, and numpy executes npz; legal: none"
    assert scheme_problem("static-int8", Target("numpy")) == expected
    space = SearchSpace.parse({"quantization": {"scheme": ["none", "static-int8"]}}, STEPS)
    left, problems = suited(space, Targets.only(Target("numpy")))
    assert left.axis("quantization.scheme").values == ("none",)
    assert [(problem.where, problem.message) for problem in problems] == [("space.quantization.scheme", expected)]


def test_a_runtime_is_refused_unless_its_format_can_be_written_and_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    class Npz(OnnxFormat):
        name, reference = "npz", "numpy"

    monkeypatch.setitem(RUNTIMES, "faster", replaced(OnnxRuntime, name="faster", format="npz"))
    assert (
        runtime_problem("faster") == "'faster' executes npz, which is no registered format; legal: onnx, torch-export"
    )
    monkeypatch.setitem(FORMATS, "npz", Npz())
    assert runtime_problem("faster") == "'faster' executes npz, whose reference 'numpy' is no registered runtime"
    monkeypatch.setitem(RUNTIMES, "numpy", replaced(OnnxRuntime, packages=("absent-package",)))
    assert runtime_problem("faster").startswith("'faster' needs the package absent-package, which is not installed")
    monkeypatch.setitem(RUNTIMES, "numpy", OnnxRuntime())
    assert runtime_problem("faster") is None


def replaced(kind: type, **attributes: object) -> object:
    """One of `kind` with other attributes."""
    made = kind()
    vars(made).update(attributes)
    return made


def test_a_runtime_that_the_measuring_process_cannot_import_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Local(OnnxRuntime):
        """Nobody finds it from outside this function."""

    monkeypatch.setitem(RUNTIMES, "local", Local())
    assert runtime_problem("local").startswith("'local' has the class test_a_runtime_that_the_measuring_process_")


def test_what_a_format_does_not_tell_is_told_of_its_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Vague(OnnxFormat):
        lacks: Mapping[str, str] = {"macs": "its files have no shapes"}

    assert metric_problem("macs", Target("onnxruntime")) is None
    monkeypatch.setitem(FORMATS, "onnx", Vague())
    assert metric_problem("parameters", Target("onnxruntime")) is None
    expected = "is not available with onnxruntime, which executes ONNX files: its files have no shapes"
    assert metric_problem("macs", Target("onnxruntime")) == expected


def test_a_space_is_left_with_what_suits_the_runtime() -> None:
    space = SearchSpace.parse({"quantization": {"scheme": ["none", "nncf-int8", "fp16"]}}, STEPS)
    left, problems = suited(space, Targets())
    assert left.axis("quantization.scheme").values == ("none", "fp16")
    assert [problem.where for problem in problems] == ["space.quantization.scheme"]
    assert problems[0].message == scheme_problem("nncf-int8", Target("onnxruntime"))
    only_one = space.without("quantization.scheme", ["nncf-int8"])
    assert suited(only_one, Targets()) == (only_one, [])
