"""The contract of every registered runtime."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.errors import TrialFailed
from pipelines.extra import installed_version
from pipelines.file_hash import sha256
from pipelines.formats import FORMATS, artifact_in
from pipelines.runtimes import RUNTIMES, Artifact, Runtime, Target, example_feed, to_feed
from pipelines.tasks.tensors import as_tuple
from tests.pipelines.technique_names import unknown_names


@pytest.fixture(params=RUNTIMES.values(), ids=RUNTIMES.keys())
def runtime(request: pytest.FixtureRequest) -> Runtime:
    return request.param


@pytest.fixture
def artifact(runtime: Runtime, exported, tmp_path: Path) -> Artifact:
    """The network of `exported` in the format that the runtime executes."""
    written = artifact_in(tmp_path, runtime.format)
    FORMATS[runtime.format].export(exported.model, (torch.zeros(1, 1, 8, 8),), written.path)
    return written


def test_it_is_registered_under_its_own_name(runtime: Runtime) -> None:
    assert RUNTIMES[runtime.name] is runtime
    assert runtime.devices
    assert runtime.format in FORMATS


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [1, 5])
def test_it_gives_the_networks_own_outputs(
    runtime: Runtime, exported, artifact: Artifact, size: int, threads: int
) -> None:
    images = torch.rand(size, 1, 8, 8)
    outputs = runtime.load(artifact, Target(threads=threads)).run(to_feed(images))
    np.testing.assert_allclose(outputs, exported.model(images).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_its_versions_can_be_named(runtime: Runtime) -> None:
    assert runtime.packages
    assert all(installed_version(library) for library in runtime.packages)


def test_it_knows_the_attributes_of_its_protocol_and_no_others(runtime: Runtime) -> None:
    assert unknown_names(runtime, Runtime) == set()
    assert isinstance(runtime.needs_torch, bool)


def test_every_machine_has_a_cpu_to_execute_on(runtime: Runtime) -> None:
    assert runtime.devices[0] == "cpu"
    assert runtime.problem("cpu") is None


def test_runtimes_load_where_there_is_no_torch() -> None:
    code = "import sys; from pipelines.runtimes import RUNTIMES; print(len(RUNTIMES), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(RUNTIMES)), "False"]


@pytest.mark.parametrize("content", [None, b"", b"not a network"], ids=["no file", "empty", "garbage"])
def test_a_file_that_does_not_load_fails_the_trial(runtime: Runtime, tmp_path: Path, content: bytes | None) -> None:
    artifact = artifact_in(tmp_path, runtime.format)
    if content is not None:
        artifact.path.write_bytes(content)
    with pytest.raises(TrialFailed, match="cannot load the file: "):
        runtime.load(artifact, Target())


def test_inputs_are_named_by_their_position() -> None:
    assert list(to_feed(torch.zeros(2, 3))) == ["input"]
    feed = to_feed((torch.zeros(2, 3), torch.ones(2)))
    assert {name: array.shape for name, array in feed.items()} == {"input_0": (2, 3), "input_1": (2,)}


def test_inputs_that_have_names_keep_them_in_any_order() -> None:
    ids, mask = torch.zeros(2, 3), torch.ones(2)
    named = [{"ids": ids, "mask": mask}, {"mask": mask, "ids": ids}]
    feeds = [to_feed(inputs) for inputs in (*named, *map(as_tuple, named))]
    assert all(
        [(name, array.shape) for name, array in feed.items()] == [("ids", (2, 3)), ("mask", (2,))] for feed in feeds
    )


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_its_script_runs_a_file_with_the_runtime_alone(
    runtime: Runtime, exported, artifact: Artifact, tmp_path: Path, device: str
) -> None:
    if device not in runtime.devices:
        pytest.skip(f"{runtime.name} has no {device}")
    target = Target(runtime.name, device, batch=2)
    script = runtime.script(artifact.path.name, example_feed(to_feed(torch.zeros(2, 1, 8, 8))), target)
    assert len(script.splitlines()) <= 15
    (tmp_path / "run.py").write_text(script, encoding="utf-8")
    (tmp_path / "manifest.json").write_text(json.dumps({"sha256": sha256(artifact.path)}), encoding="utf-8")
    hidden = "" if runtime.needs_torch else "sys.modules['torch'] = None; "
    code = f"import runpy, sys; {hidden}print(runpy.run_path(sys.argv[1])['feed']['input'].shape)"
    command = [sys.executable, "-c", code, str(tmp_path / "run.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=True)
    *printed, shape = done.stdout.splitlines()
    assert shape == "(2, 1, 8, 8)"
    outputs = np.array("".join(printed).translate(str.maketrans("", "", "[]")).split(), dtype=np.float32)
    expected = exported.model(torch.zeros(2, 1, 8, 8)).detach().numpy().ravel()
    close = 1e-2 if device == "cuda" else 1e-4  # there products may be in TF32
    np.testing.assert_allclose(outputs, expected, rtol=close, atol=close / 10)
