from collections.abc import Callable

import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed, UnchangedError
from pipelines.quantizers import Calibration, StaticInt8, WeightInt8
from pipelines.quantizers import static_int8 as module
from pipelines.quantizers.sensitivity import fewest_kept, layer_sensitivity, most_sensitive, same_answers

STATIC = {"calibrator": "minmax", "granularity": "tensor"}


@pytest.fixture
def calibration() -> Calibration:
    batches = list(torch.Generator().manual_seed(0) and torch.randn(40, 16).split(16))
    return Calibration(lambda: batches)


@pytest.fixture
def spoilt(export: Callable) -> object:
    """Three layers, of which the middle one has a single weight so large that the others are rounded away."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    with torch.no_grad():
        model[0].weight[5] = 0
        model[0].bias[5] = -1  # nothing ever comes through this channel
        model[2].weight[3, 5] = 100
    return export(model, torch.zeros(1, 16))


def test_the_layer_that_loses_most_comes_first(spoilt, calibration: Calibration) -> None:
    losses = layer_sensitivity(spoilt, StaticInt8(), calibration, STATIC)
    assert set(losses) == {"/0/Gemm", "/2/Gemm", "/4/Gemm"}
    assert next(iter(losses)) == "/2/Gemm"
    assert losses["/2/Gemm"] > 100 * losses["/0/Gemm"] > 0


def test_layers_that_a_scheme_leaves_alone_lose_nothing(export: Callable) -> None:
    layer = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -1.0], [2.0, 0.0]]))  # exact in 8 bits
    file = export(layer, torch.zeros(1, 2))
    losses = layer_sensitivity(file, WeightInt8(), Calibration(lambda: [torch.randn(4, 2)]), {})
    assert list(losses.values()) == [pytest.approx(0, abs=1e-12)]


def test_ranges_are_found_once(spoilt, calibration: Calibration, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    find = module.find_ranges
    monkeypatch.setattr(module, "find_ranges", lambda *args: calls.append(1) or find(*args))
    layer_sensitivity(spoilt, StaticInt8(), calibration, STATIC)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("share", "kept"),
    [(0, []), (0.01, ["c"]), (1 / 3, ["c"]), (0.5, ["c", "a"])],
    ids=["none", "at least one", "a third", "half"],
)
def test_the_share_is_of_layers_that_lose_something(share: float, kept: list[str]) -> None:
    assert most_sensitive({"a": 0.2, "b": 0.1, "c": 0.9, "untouched": 0.0}, share) == kept


def test_keeping_every_layer_is_no_quantization() -> None:
    with pytest.raises(UnchangedError) as error:
        most_sensitive({"a": 0.2, "b": 0.1, "untouched": 0.0}, 0.9)
    assert error.value.reason == "quantization.keep_float 0.9 keeps all 2 layers in floating point"


@pytest.mark.parametrize(
    ("least", "wanted", "kept"),
    [(0, 0.9, 0), (0, 0.945, 4), (0, 0.975, 7), (5, 0.945, 5)],
    ids=lambda value: f"{value:g}",
)
def test_no_more_layers_are_kept_than_it_takes(least: int, wanted: float, kept: int) -> None:
    asked = []

    def share_with(count: int) -> float:
        asked.append(count)
        return 0.9 + 0.01 * count + 0.01 * (count >= 4)

    assert fewest_kept(least, 17, wanted, share_with) == kept
    assert len(asked) <= 6


def test_a_bound_that_no_number_of_layers_meets_is_no_quantization() -> None:
    with pytest.raises(UnchangedError) as error:
        fewest_kept(0, 3, 0.99, lambda count: 0.9)
    assert error.value.reason == (
        "with one of its 3 layers quantized 90.00% of the examples get the same answer, and quantization.agreement "
        "is 0.99"
    )


def test_answers_are_the_places_of_the_largest_outputs(export: Callable) -> None:
    files = {}
    for name, weight in {"own": [[1.0, 0.0], [0.0, 1.0]], "other": [[1.0, 0.0], [0.0, 3.0]]}.items():
        layer = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight))
        files[name] = export(layer, torch.zeros(1, 2))
    examples = torch.tensor([[3.0, 2.0], [3.0, 0.5], [1.0, 2.0], [3.0, 0.0]])
    assert same_answers(files["own"], files["other"], Calibration(lambda: [examples])) == 0.75


def test_without_rows_of_scores_there_are_no_answers(export: Callable) -> None:
    file = export(nn.Linear(2, 1), torch.zeros(1, 2))
    with pytest.raises(TrialFailed, match="one row of scores for each example; these have the shape"):
        same_answers(file, file, Calibration(lambda: [torch.zeros(3, 2)]))
