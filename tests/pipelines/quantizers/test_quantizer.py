"""The contract of every registered quantizer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from pipelines.context import Context
from pipelines.quantizers import QUANTIZERS, Quantizer
from pipelines.runtimes import RUNTIMES, Feed, Session, to_feed
from pipelines.stages import MODEL, Quantize


@pytest.fixture(params=QUANTIZERS.values(), ids=QUANTIZERS.keys())
def quantizer(request: pytest.FixtureRequest) -> Quantizer:
    return request.param


@pytest.fixture
def quantized(quantizer: Quantizer, exported, context: Context, some_params: Callable, tmp_path: Path) -> Path:
    params = {"scheme": quantizer.name, **some_params(quantizer)}
    Quantize().run((exported.file.parent,), tmp_path, params, context)
    return tmp_path / MODEL


def test_it_is_registered_under_its_own_name(quantizer: Quantizer) -> None:
    assert QUANTIZERS[quantizer.name] is quantizer


def test_the_file_gets_smaller(quantized: Path, exported) -> None:
    assert quantized.stat().st_size < 0.6 * exported.file.stat().st_size


@pytest.fixture
def sessions(quantizer: Quantizer, quantized: Path) -> list[Session]:
    """The file in every runtime that the scheme is for."""
    names = getattr(quantizer, "runtimes", RUNTIMES)
    assert names
    return [RUNTIMES[name].load(quantized, threads=1) for name in names]


def test_outputs_stay_close_in_every_runtime_that_it_is_for(sessions: list[Session], exported, context) -> None:
    for images, _ in context.task.batches("validation"):
        expected = exported.model(images)
        for session in sessions:
            error = (session.run(to_feed(images)) - expected).abs().max()
            assert error < 0.05 * expected.abs().max()


def test_any_batch_size_runs(sessions: list[Session]) -> None:
    for session in sessions:
        assert [len(session.run(to_feed(torch.zeros(size, 1, 8, 8)))) for size in (1, 7)] == [1, 7]


def test_the_same_input_gives_the_same_bytes(
    quantizer: Quantizer, exported, context: Context, some_params: Callable, tmp_path: Path
) -> None:
    def calibration() -> Iterator[Feed]:
        for images, _ in context.task.batches("calibration"):
            yield to_feed(images)

    files = [tmp_path / "one.onnx", tmp_path / "elsewhere" / "two.onnx"]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        quantizer.quantize(exported.file, file, calibration, some_params(quantizer))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_source_is_left_as_it_is(
    quantizer: Quantizer, exported, context: Context, some_params: Callable, tmp_path: Path
) -> None:
    before = exported.file.read_bytes()
    feeds = [to_feed(images) for images, _ in context.task.batches("calibration")]
    quantizer.quantize(exported.file, tmp_path / MODEL, lambda: feeds, some_params(quantizer))
    assert exported.file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [MODEL]
