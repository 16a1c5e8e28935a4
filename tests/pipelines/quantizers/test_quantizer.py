"""The contract of every registered quantizer."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed, UnchangedError
from pipelines.formats.onnx_format import MODEL
from pipelines.onnxfile.shortening import shortened
from pipelines.quantizers import QUANTIZERS, Calibration, Quantizer
from pipelines.quantizers.parameters import KEEP_FLOAT
from pipelines.runtimes import RUNTIMES, Artifact, OnnxRuntime, Target, to_feed
from pipelines.stages import Quantize
from pipelines.tasks.task import as_tuple
from pipelines.training.context import Context
from tests.pipelines.technique_names import unknown_names

NETWORKS = ["linear", "conv", "residual", "two inputs", "transformer"]
SHARES = {
    "fp16": 0.51,
    "weight-fp16": 0.51,
    "dynamic-int8": 0.27,
    "static-int8": 0.28,
    "qat-int8": 0.28,
    "weight-int8": 0.27,
    "weight-int4": 0.17,
    "palettize": 0.15,
}
"""What each scheme leaves of a file that is mostly the weights of matrix products, at most."""

NOISE = {"weight-int4": 0.15, "palettize": 0.15, "nncf-int8": 0.15}
"""How much of an output's power may be noise, where it is not 0.01.

Sixteen values leave about 1/256 of a weight's power, and after three layers 1 % of an output's. Both powers are means
of a few numbers, so that their quotient is chance: of 8 independent ones each, it is 12 times as large once in 1,000
draws. NNCF moves biases by what it sees of 16 examples. An output of something else has a power of noise of 1 or more.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every scheme; where files are at hand, which are ONNX, every one that works on them."""
    if "quantizer" in metafunc.fixturenames:
        on_onnx = {"prepared", "exported"} & {*metafunc.fixturenames}
        known = [each for each in QUANTIZERS.values() if not on_onnx or "onnx" in each.declares.formats]
        metafunc.parametrize("quantizer", known, ids=[each.name for each in known])


def test_it_has_no_attribute_that_its_protocol_does_not_know(quantizer: Quantizer) -> None:
    assert unknown_names(quantizer, Quantizer) == set()


def test_it_is_registered_under_its_own_name(quantizer: Quantizer) -> None:
    assert QUANTIZERS[quantizer.name] is quantizer


def test_only_schemes_for_onnx_keep_operators_in_floating_point(quantizer: Quantizer) -> None:
    assert KEEP_FLOAT not in quantizer.parameters or quantizer.declares.formats == ("onnx",)


def test_labels_are_the_distinct_names_unless_something_differs(some_params: Callable) -> None:
    labels = {name: quantizer.label(some_params(quantizer)) for name, quantizer in QUANTIZERS.items()}
    assert len(set(labels.values())) == len(labels)
    assert all(label.startswith(name) and len(label) <= len(name) + 1 for name, label in labels.items())


@pytest.mark.parametrize("network", NETWORKS)
def test_each_network_runs_in_onnx_runtime_or_is_refused(
    quantizer: Quantizer, network: str, prepared: Callable, some_params: Callable, tmp_path: Path
) -> None:
    given, target = prepared(network), tmp_path / MODEL
    if reason := quantizer.problem(given.model):
        with pytest.raises(UnchangedError) as error:
            quantizer.quantize(given.file, target, given.calibration, some_params(quantizer))
        assert error.value.reason == reason
        return
    quantizer.quantize(given.file, target, given.calibration, some_params(quantizer))
    session = OnnxRuntime().load(Artifact(target, "onnx"), Target())
    for inputs, _ in given.task.batches("validation"):
        with torch.no_grad():
            expected = given.model(*as_tuple(inputs)).numpy()
        noise = np.square(session.run(to_feed(inputs)) - expected).mean() / np.square(expected).mean()
        assert noise < NOISE.get(quantizer.name, 0.01)
        one = tuple(x[:1] for x in as_tuple(inputs))
        assert session.run(to_feed(one)).shape == (1, 4)


@pytest.mark.parametrize("network", NETWORKS)
def test_outputs_are_those_of_onnx_runtime_in_every_runtime_that_it_is_for(
    quantizer: Quantizer, network: str, prepared: Callable, some_params: Callable, tmp_path: Path
) -> None:
    given, target = prepared(network), tmp_path / MODEL
    if quantizer.problem(given.model):
        return
    quantizer.quantize(given.file, target, given.calibration, some_params(quantizer))
    (inputs, _), *_ = given.task.batches("validation")
    expected = OnnxRuntime().load(Artifact(target, "onnx"), Target()).run(to_feed(inputs))
    for name in quantizer.declares.runtimes or [name for name, each in RUNTIMES.items() if each.format == "onnx"]:
        outputs = RUNTIMES[name].load(Artifact(target, "onnx"), Target()).run(to_feed(inputs))
        assert np.square(outputs - expected).mean() < 0.01 * np.square(expected).mean(), name


def test_the_file_shrinks_as_promised(
    quantizer: Quantizer, prepared: Callable, some_params: Callable, tmp_path: Path
) -> None:
    given = prepared("linear")
    quantizer.quantize(given.file, tmp_path / MODEL, given.calibration, some_params(quantizer))
    after, before = (len(shortened(onnx.load(file)).SerializeToString()) for file in (tmp_path / MODEL, given.file))
    share = after / before
    assert share < SHARES.get(quantizer.name, 0.9)


def test_a_trained_network_keeps_its_accuracy(
    quantizer: Quantizer, exported, context: Context, some_params: Callable, tmp_path: Path
) -> None:
    params = {"scheme": quantizer.name, **some_params(quantizer)}
    Quantize().run(exported.file.parent, tmp_path, params, context)
    if reason := quantizer.problem(exported.model):
        assert any(reason in note for note in context.notes)
    session = OnnxRuntime().load(Artifact(tmp_path / MODEL, "onnx"), Target())
    assert [path.name for path in tmp_path.iterdir()] == [MODEL]
    for images, targets in context.task.batches("validation"):
        assert np.array_equal(session.run(to_feed(images)).argmax(1), targets)


def test_the_same_input_gives_the_same_bytes(
    quantizer: Quantizer, prepared: Callable, some_params: Callable, tmp_path: Path
) -> None:
    given = prepared("linear")
    files = [tmp_path / "one.onnx", tmp_path / "elsewhere" / "two.onnx"]
    for seed, file in enumerate(files):
        file.parent.mkdir(exist_ok=True)
        torch.manual_seed(seed)
        quantizer.quantize(given.file, file, given.calibration, some_params(quantizer))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_nothing_but_the_target_is_written(
    quantizer: Quantizer, prepared: Callable, some_params: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    given = prepared("two inputs")
    before, beside = given.file.read_bytes(), sorted(given.file.parent.iterdir())
    quantizer.quantize(given.file, tmp_path / MODEL, given.calibration, some_params(quantizer))
    assert given.file.read_bytes() == before
    assert sorted(given.file.parent.iterdir()) == beside
    assert [path.name for path in tmp_path.iterdir()] == [MODEL]


def test_what_is_kept_in_floating_point_is_exact(
    quantizer: Quantizer, prepared: Callable, some_params: Callable, tmp_path: Path
) -> None:
    given = prepared("linear")
    keep = {"/0/Gemm", "/1/Relu", "/2/Gemm", "/3/Relu", "/4/Gemm"}
    quantizer.quantize(given.file, tmp_path / MODEL, given.calibration, some_params(quantizer), keep)
    (inputs, _), *_ = given.task.batches("validation")
    outputs = torch.from_numpy(OnnxRuntime().load(Artifact(tmp_path / MODEL, "onnx"), Target()).run(to_feed(inputs)))
    # Half precision narrows the inputs and outputs of the operators around those that it leaves.
    torch.testing.assert_close(
        outputs, given.model(inputs).detach(), atol=1e-3 if quantizer.name == "fp16" else 1e-5, rtol=0
    )


def test_a_network_without_weights_is_a_problem(quantizer: Quantizer) -> None:
    assert quantizer.problem(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.ReLU())) is not None


def test_calibration_examples_are_asked_for_in_static_schemes_only(
    quantizer: Quantizer, prepared: Callable, some_params: Callable, tmp_path: Path
) -> None:
    def work() -> None:
        quantizer.quantize(prepared("linear").file, tmp_path / MODEL, Calibration(lambda: []), some_params(quantizer))

    if "calibration_size" in some_params(quantizer):
        with pytest.raises(TrialFailed, match="the calibration split has no batches"):
            work()
    else:
        work()
