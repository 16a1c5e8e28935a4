import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipelines.formats import TorchExportFormat
from pipelines.runtimes import Artifact, Target, TorchRuntime
from pipelines.runtimes.torch_runtime import TorchSession

FEED = {"input": np.zeros((2, 1, 8, 8), np.float32)}


def test_threads_of_a_call_are_the_targets_and_a_training_has_its_own_again() -> None:
    seen, before = [], torch.get_num_threads()
    session = TorchSession(lambda x: (seen.append(torch.get_num_threads()), x)[1], ("output",), threads=before + 1)
    session.run(FEED)
    assert (seen, torch.get_num_threads()) == ([before + 1], before)
    assert session.timed_run(FEED).wall_ms > 0


def test_registering_it_does_not_import_torch() -> None:
    code = "import pipelines.runtimes.torch_runtime, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("built", "available", "triton", "compiler", "reason"),
    [
        (False, False, True, True, r"a build for CPUs; install one for CUDA: pip install torch --index-url"),
        (True, False, True, True, r"finds no GPU: torch .* needs a driver for CUDA .* or newer"),
        (True, True, False, True, r"the package triton, which is not installed: pip install triton"),
        (True, True, True, False, r"a C compiler, and there is none; install gcc or name one in CC"),
        (True, True, True, True, None),
    ],
    ids=["CPU build", "no GPU", "no Triton", "no compiler", "all there"],
)
def test_what_it_needs_on_a_gpu_is_told(
    monkeypatch: pytest.MonkeyPatch, built: bool, available: bool, triton: bool, compiler: bool, reason: str | None
) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: SimpleNamespace() if triton else None)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}" if compiler else None)
    problem = TorchRuntime().problem("cuda")
    assert (problem is None) is (reason is None)
    assert re.search(reason or "", problem or "")


def test_its_script_checks_the_hash_before_it_loads(exported, tmp_path: Path) -> None:
    TorchExportFormat().export(exported.model, (torch.zeros(1, 1, 8, 8),), tmp_path / "model.pt2")
    (tmp_path / "manifest.json").write_text('{"sha256": "of another file"}', encoding="utf-8")
    script = TorchRuntime().script("model.pt2", "{}", Target("torch"))
    (tmp_path / "run.py").write_text(script, encoding="utf-8")
    done = subprocess.run([sys.executable, str(tmp_path / "run.py")], capture_output=True, text=True)
    assert done.returncode
    assert "the file is not the one that was exported" in done.stderr


def test_its_script_for_a_gpu_compiles_there() -> None:
    script = TorchRuntime().script("model.pt2", "{}", Target("torch", "cuda"))
    assert 'torch.compile(model, mode="reduce-overhead")' in script
    assert script.count('.to("cuda")') == 2
    compile(script, "run.py", "exec")


def test_a_file_for_the_cpu_is_one_module(exported, tmp_path: Path) -> None:
    TorchExportFormat().export(exported.model, (torch.zeros(1, 1, 8, 8),), tmp_path / "model.pt2")
    session = TorchRuntime().load(Artifact(tmp_path / "model.pt2", "torch-export"), Target("torch"))
    assert isinstance(session, TorchSession)
