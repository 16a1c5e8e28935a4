import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipelines.extra import EXTRAS, missing

USE_BOTH = """
import sys
from pathlib import Path

import numpy as np

import torch

from pipelines.quantizers import Calibration, NncfInt8
from pipelines.runtimes import Artifact, OpenVino, Target

source, target = map(Path, sys.argv[1:])
feed = {"input": np.zeros((1, 1, 8, 8), dtype=np.float32)}
NncfInt8().quantize(source, target, Calibration(lambda: [torch.zeros(1, 1, 8, 8)]), {})
OpenVino().load(Artifact(target, "onnx"), Target()).run(feed)
from nncf.telemetry import telemetry

print(type(telemetry).__name__, [name for name in sys.modules if name.startswith("openvino_telemetry.")])
"""

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


@pytest.mark.slow
def test_openvino_and_nncf_report_nothing_over_the_network(exported, tmp_path: Path) -> None:
    """In a process of its own, not in continuous integration and not in pytest, for which both have exceptions."""
    clean = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST")}
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", USE_BOTH, str(exported.file), str(tmp_path / "model.onnx")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**clean, "HOME": str(tmp_path / "home")},
    )
    assert done.stdout.split() == ["MagicMock", "[]"]
    assert not (tmp_path / "home/intel").exists()  # where an identity for the reports would be kept
