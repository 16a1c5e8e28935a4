from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipelines.errors import TrialFailed
from pipelines.runtimes import Artifact, GpuSession, OnnxRuntime, Target, onnx_on_cuda
from pipelines.runtimes.onnx_on_cuda import CUDA, OnnxCudaSession, cuda_libraries

ONE, FOUR = ({"input": np.full((size, 3), size, np.float32)} for size in (1, 4))


class FakeValue:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def update_inplace(self, array: np.ndarray) -> None:
        self.array[...] = array

    def numpy(self) -> np.ndarray:
        return self.array.copy()

    def shape(self) -> list[int]:
        return list(self.array.shape)


class FakeOrt:
    """ONNX Runtime with a GPU, whose sessions double what they are given.

    Args:
        cpu: The operators of the file that have no kernel for the GPU.
        providers: What a session gets.
        output: The shape of the output, when the batch is 4.
    """

    def __init__(self, cpu: tuple[str, ...] = (), providers: tuple[str, ...] = (CUDA,), output: Any = (4, 3)) -> None:
        self.cpu, self.providers, self.shape = cpu, providers, output
        self.opened: list[tuple[int | None, str, bool]] = []
        value = SimpleNamespace(
            ortvalue_from_numpy=lambda array, device, index: FakeValue(array.copy()),
            ortvalue_from_shape_and_type=lambda shape, kind, device, index: FakeValue(np.zeros(shape, kind)),
        )
        self.OrtValue = value

    def options(self) -> Any:
        made = SimpleNamespace(batch=None, enable_profiling=False, profile_file_prefix="")
        made.add_free_dimension_override_by_name = lambda name, size: setattr(made, name, size)
        return made

    def InferenceSession(self, file: str, options: Any, providers: list[Any]) -> FakeSession:  # noqa: N802
        (_, settings), _ = providers
        graph = settings["enable_cuda_graph"]
        self.opened.append((options.batch, graph, options.enable_profiling))
        if graph == "1" and self.cpu:
            raise RuntimeError("This session cannot use the graph capture feature as requested by the user")
        return FakeSession(self, options)


class FakeSession:
    def __init__(self, ort: FakeOrt, options: Any) -> None:
        self._ort, self._options, self.runs = ort, options, 0

    def get_providers(self) -> tuple[str, ...]:
        return self._ort.providers

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="output", shape=list(self._ort.shape), type="tensor(float)")]

    def io_binding(self) -> Any:
        bound = SimpleNamespace(inputs={}, output=None, synchronize_outputs=lambda: None)
        bound.bind_ortvalue_input = bound.inputs.__setitem__
        bound.bind_ortvalue_output = lambda name, value: setattr(bound, "output", value)
        bound.bind_output = lambda name, device, index: None
        bound.get_outputs = lambda: [bound.output]
        return bound

    def run_with_iobinding(self, bound: Any) -> None:
        self.runs += 1
        doubled = 2 * bound.inputs["input"].array
        if bound.output is None:
            bound.output = FakeValue(doubled)
        bound.output.array[...] = doubled

    def run(self, names: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [2 * feed["input"]]

    def end_profiling(self) -> str:
        file = Path(f"{self._options.profile_file_prefix}.json")
        event = {"cat": "Node", "args": {"op_name": "Conv", "provider": CUDA}, "name": "conv_kernel_time"}
        events = [event, {"cat": "Session", "name": "run"}]
        for index, operator in enumerate(self._ort.cpu):
            args = {"op_name": operator, "provider": "CPUExecutionProvider"}
            events += [{"cat": "Node", "args": args, "name": f"{index}_kernel_time"}] * 2  # two runs of one node
        file.write_text(json.dumps(events), encoding="utf-8")
        return str(file)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch):
    """Opens a file with `FakeOrt`."""

    def make(ort: FakeOrt) -> OnnxCudaSession:
        monkeypatch.setattr(onnx_on_cuda, "ort", ort)
        return OnnxCudaSession(Path("model.onnx"), ort.options, batch=4)

    return make


def test_the_targets_batch_runs_in_a_graph_and_others_beside_it(use) -> None:
    ort = FakeOrt()
    session = use(ort)
    assert isinstance(session, GpuSession)
    for feed in (FOUR, ONE, FOUR):
        np.testing.assert_array_equal(session.run(feed), 2 * feed["input"])
    np.testing.assert_array_equal(session.run({"input": -FOUR["input"]}), -2 * FOUR["input"])
    assert ort.opened == [(4, "1", False), (None, "0", False)]
    assert session.notes == {"latency.graph": "replayed in a CUDA graph"}


def test_durations_are_the_hosts_by_both_clocks(use) -> None:
    timing = use(FakeOrt()).timed_run(FOUR)
    assert timing.own_ms == timing.wall_ms > 0


def test_without_a_graph_it_says_what_stayed_on_the_cpu(use) -> None:
    ort = FakeOrt(cpu=("QuantizeLinear", "TopK", "QuantizeLinear"))
    session = use(ort)
    np.testing.assert_array_equal(session.run(FOUR), 2 * FOUR["input"])
    assert ort.opened == [(4, "1", False), (4, "0", True)]
    expected = "no CUDA graph: parts of the file execute on the CPU (2 QuantizeLinear, 1 TopK)"
    assert session.notes == {"latency.graph": expected}


def test_without_a_known_shape_of_the_output_there_is_no_graph(use) -> None:
    session = use(FakeOrt(output=("found", 3)))
    np.testing.assert_array_equal(session.run(FOUR), 2 * FOUR["input"])
    assert session.notes == {"latency.graph": "no CUDA graph: the output's shape is not known beforehand"}


def test_a_provider_that_does_not_start_fails_the_trial(use) -> None:
    with pytest.raises(TrialFailed, match="CUDA provider does not start here: no GPU is in sight, or CUDA's libraries"):
        use(FakeOrt(providers=("CPUExecutionProvider",)))


def test_calls_in_a_row_are_as_many_as_asked_for(use) -> None:
    session = use(FakeOrt())
    session.repeat(FOUR, 5)
    assert session._fixed.runs == 1 + 5
    assert session.peak_bytes() is None


def test_a_build_without_cuda_is_told_with_the_one_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    assert OnnxRuntime().problem("cpu") is None
    advice = 'pip uninstall -y onnxruntime && pip install "onnxruntime-gpu[cuda,cudnn]"'
    assert OnnxRuntime().problem("cuda").endswith(advice)


@pytest.mark.parametrize(
    ("code", "errors", "reason"),
    [
        (0, "", None),
        (1, "noise\n[E:onnxruntime] Error: libcudnn.so.9: cannot open shared object file\n", r"libcudnn\.so\.9"),
        (1, "", "does not start on the GPU: it does not say why; CUDA's libraries come with: pip install"),
    ],
    ids=["starts", "no library", "silent"],
)
def test_it_is_started_on_the_gpu_once(monkeypatch: pytest.MonkeyPatch, code: int, errors: str, reason) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [CUDA])
    monkeypatch.setattr("subprocess.run", lambda *_, **__: SimpleNamespace(returncode=code, stderr=errors))
    problem = OnnxRuntime().problem("cuda")
    assert (problem is None) is (reason is None)
    assert re.search(reason or "", problem or "")


def test_cudas_libraries_are_found_where_python_looks_for_packages(tmp_path: Path, monkeypatch) -> None:
    folders = [tmp_path / "a" / "nvidia", tmp_path / "b" / "nvidia"]
    for folder, file in zip(folders, ("cudnn/lib/libcudnn.so.9", "cu13/lib/libcublas.so.13"), strict=True):
        (folder / file).parent.mkdir(parents=True)
        (folder / file).touch()
    spec = SimpleNamespace(submodule_search_locations=list(map(str, folders)))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    assert [file.name for file in cuda_libraries()] == ["libcublas.so.13", "libcudnn.so.9"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert list(cuda_libraries()) == []


def test_its_script_for_a_gpu_loads_cudas_libraries() -> None:
    script = OnnxRuntime().script("model.onnx", "{}", Target(device="cuda"))
    assert "preload_dlls()" in script
    compile(script, "run.py", "exec")


@pytest.mark.gpu
@pytest.mark.parametrize("batch", [1, 4])
def test_a_gpu_computes_what_the_network_does(exported, batch: int) -> None:
    assert OnnxRuntime().problem("cuda") is None
    target, random = Target(device="cuda", batch=batch), np.random.default_rng(0)
    session = OnnxRuntime().load(Artifact(exported.file, "onnx"), target)
    cpu = OnnxRuntime().load(Artifact(exported.file, "onnx"), Target())
    for size in (batch, 3):
        feed = {"input": random.random((size, 1, 8, 8), np.float32)}
        np.testing.assert_allclose(session.run(feed), cpu.run(feed), rtol=0.01, atol=0.01)
    feed = {"input": random.random((batch, 1, 8, 8), np.float32)}
    session.run(feed)
    assert session.timed_run(feed).wall_ms > 0
    assert session.notes == {"latency.graph": "replayed in a CUDA graph"}
