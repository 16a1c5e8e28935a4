"""The package's own names, which are loaded when they are asked for."""

import subprocess
import sys

import pytest

import pipelines


@pytest.mark.parametrize("name", pipelines.__all__)
def test_every_name_of_the_facade_is_there(name: str) -> None:
    assert getattr(pipelines, name) is not None
    assert name in dir(pipelines)


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'pipelines' has no attribute 'Nothing'"):
        _ = pipelines.Nothing


def test_the_package_alone_brings_no_torch() -> None:
    code = "import sys, pipelines; print('torch' in sys.modules, 'onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
