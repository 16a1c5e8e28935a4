from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import TrialFailed
from pipelines.runtimes import Artifact, OnnxRuntime, Target

FEED = {"input": np.zeros((2, 1, 8, 8), np.float32)}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_session_has_the_targets_threads_for_one_call_and_all_optimisations(exported, threads: int) -> None:
    options = OnnxRuntime().load(exported.artifact, Target(threads=threads))._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)
    assert options.graph_optimization_level.name == "ORT_ENABLE_ALL"


def test_a_run_gives_the_output_and_a_timed_run_its_duration(exported) -> None:
    session = OnnxRuntime().load(exported.artifact, Target())
    assert session.run(FEED).shape == (2, 2)
    assert session.timed_run(FEED).wall_ms > 0


def test_a_file_of_an_unknown_operator_fails_with_the_runtimes_reason(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x08\x09")
    with pytest.raises(TrialFailed, match="ONNX Runtime cannot load the file: "):
        OnnxRuntime().load(Artifact(tmp_path / "model.onnx", "onnx"), Target())


def test_its_script_names_file_threads_and_inputs() -> None:
    script = OnnxRuntime().script("small.onnx", "{}", Target(threads=3))
    assert 'with_name("small.onnx")' in script
    assert "intra_op_num_threads = 3" in script
    assert "feed = {}" in script
