import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from pipelines.extra import EXTRAS, missing

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_what_is_installed_is_not_missing() -> None:
    assert missing(["onnx", "onnxruntime"]) is None
    assert missing([]) is None


def test_the_first_that_is_missing_is_told_with_how_to_get_it(monkeypatch) -> None:
    expected = "needs the package no-such-thing, which is not installed; install it: pip install no-such-thing"
    assert missing(["onnx", "no-such-thing", "nor-this"]) == expected
    monkeypatch.setitem(EXTRAS, "no-such-thing", "openvino")
    assert missing(["no-such-thing"]).endswith("install it: pip install -e '.[openvino]'")


def test_every_optional_package_is_in_the_extra_that_is_named() -> None:
    for package, extra in EXTRAS.items():
        assert package in {Requirement(line).name for line in PROJECT["optional-dependencies"][extra]}
