import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from pipelines import extra
from pipelines.errors import TrialFailed
from pipelines.runtimes import Artifact, OnnxRuntime, OpenVino, Target, to_feed


@pytest.mark.parametrize("threads", [1, 2])
def test_it_computes_in_single_precision_with_the_threads_it_is_told(exported, threads: int) -> None:
    model = OpenVino().load(Artifact(exported.file, "onnx"), Target(threads=threads))._request.get_compiled_model()
    assert model.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    assert model.get_property("INFERENCE_NUM_THREADS") == threads
    assert model.get_property("ENABLE_CPU_PINNING") is False


def test_it_agrees_with_onnx_runtime_to_the_last_digits(exported) -> None:
    feed = to_feed(torch.rand(7, 1, 8, 8))
    ours, theirs = (
        runtime.load(Artifact(exported.file, "onnx"), Target()).run(feed) for runtime in (OpenVino(), OnnxRuntime())
    )
    # Roundings of 2⁻²⁴ in sums of up to 288 products, in three layers, as if all fell the same way. One of bf16 is 2⁻⁹.
    bound = 3 * 288 * 2.0**-24 * float(abs(theirs).max())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=bound)


def test_an_output_is_not_written_over_by_the_next_call(exported) -> None:
    session = OpenVino().load(Artifact(exported.file, "onnx"), Target())
    first = session.run({"input": np.zeros((1, 1, 8, 8), dtype=np.float32)})
    kept = first.copy()
    session.run({"input": np.ones((1, 1, 8, 8), dtype=np.float32)})
    assert np.array_equal(first, kept)


def test_one_thread_works_in_the_thread_that_calls(exported) -> None:
    session = OpenVino().load(Artifact(exported.file, "onnx"), Target())
    before = os.sched_getaffinity(0)
    session.run({"input": np.zeros((1, 1, 8, 8), dtype=np.float32)})
    assert os.sched_getaffinity(0) == before


def test_without_its_package_it_says_what_to_install(exported, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise extra.PackageNotFoundError(name)

    monkeypatch.setattr(extra, "version", absent)
    with pytest.raises(TrialFailed, match=r"needs the package openvino, .* pip install -e '\.\[openvino\]'"):
        OpenVino().load(Artifact(exported.file, "onnx"), Target())


def test_registering_it_does_not_import_openvino() -> None:
    code = "import pipelines.runtimes, sys; print([name for name in ('openvino', 'nncf') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
