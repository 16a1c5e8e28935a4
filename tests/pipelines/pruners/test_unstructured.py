import math

import pytest
import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.importances import IMPORTANCES, L2
from pipelines.pruners import PruningRequest, UnstructuredPruner

PRUNER = UnstructuredPruner()
EXAMPLE = torch.zeros(1, 4)


def two_layers() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, -2, 3, -4], [5, -6, 7, -8]]))
        model[1].weight.copy_(torch.tensor([[10.0, 20], [30, 40]]))
    return model


def zeros(model: nn.Module) -> list[list[float]]:
    return [(layer.weight == 0).int().tolist() for layer in model]


def cut(
    model: nn.Module, ratio: float | dict[str, float], scope: str = "local", importance: str = "l2"
) -> PruningRequest:
    return PruningRequest(
        EXAMPLE, ratio, PRUNER.sizes(model, EXAMPLE), IMPORTANCES[importance], {"ratio": ratio, "scope": scope}
    )


def test_each_layer_loses_its_smallest_weights() -> None:
    model = two_layers()
    assert PRUNER.sizes(model, EXAMPLE) == {"0": 8, "1": 4}
    assert PRUNER.prune(model, cut(model, 0.5))["zeros"] == {"0": 4, "1": 2}
    assert zeros(model) == [[[1, 1, 1, 1], [0, 0, 0, 0]], [[1, 1], [0, 0]]]


def test_together_the_smallest_of_all_go() -> None:
    model = two_layers()
    assert PRUNER.prune(model, cut(model, 0.5, "global"))["zeros"] == {"0": 6, "1": 0}
    assert zeros(model) == [[[1, 1, 1, 1], [1, 1, 0, 0]], [[0, 0], [0, 0]]]


def test_no_layer_loses_its_last_weight() -> None:
    for scope in ("local", "global"):
        model = two_layers()
        PRUNER.prune(model, cut(model, 0.99, scope))
        assert zeros(model) == [[[1, 1, 1, 1], [1, 1, 1, 0]], [[1, 1], [1, 0]]]


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9, 0.95])
def test_at_least_the_ratio_is_zero(networks: dict, ratio: float, scope: str) -> None:
    for make, example in networks.values():
        model = make()
        sizes = PRUNER.sizes(model, example)
        history = PRUNER.prune(model, PruningRequest(example, ratio, sizes, L2(), {"scope": scope}))
        count, layers = sum(history["zeros"].values()), len(sizes)
        assert math.ceil(sum(sizes.values()) * ratio - 1e-9) <= count <= sum(sizes.values()) * ratio + layers
        if scope == "local":
            assert all(history["zeros"][layer] == math.ceil(size * ratio - 1e-9) for layer, size in sizes.items())


def test_a_random_ranking_takes_what_is_zero_first() -> None:
    model = nn.Sequential(nn.Linear(100, 10))
    for ratio in (0.3, 0.6):
        before = model[0].weight == 0
        PRUNER.prune(model, cut(model, ratio, importance="random"))
        assert int((model[0].weight == 0).sum()) == round(1000 * ratio)
        assert (model[0].weight[before] == 0).all()


def test_attention_and_recurrent_layers_have_weights_too_and_biases_stay() -> None:
    model = nn.ModuleDict({"attention": nn.MultiheadAttention(8, 2, add_bias_kv=True), "lstm": nn.LSTM(4, 3)})
    model["embedding"] = nn.Embedding(5, 4)
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    assert PRUNER.sizes(model, EXAMPLE) == {"attention": 24 * 8, "attention.out_proj": 64, "lstm": 12 * 4 + 12 * 3}
    PRUNER.prune(model, cut(model, 0.5))
    assert {name for name, p in model.named_parameters() if (p == 0).any()} == {
        "attention.in_proj_weight", "attention.out_proj.weight", "lstm.weight_ih_l0",
    }  # fmt: skip


def test_weights_that_are_shared_are_counted_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    assert PRUNER.sizes(model, EXAMPLE) == {"0": 16}


def test_what_has_no_weights_is_told() -> None:
    assert PRUNER.problem(nn.ReLU(), EXAMPLE) == "the network has no layer with a matrix of weights"
    model = nn.Sequential(nn.Linear(1, 1))
    with pytest.raises(TrialFailed, match=r"no weight to set to zero at ratio 0\.5: each layer keeps one"):
        PRUNER.prune(model, PruningRequest(torch.zeros(1, 1), 0.5, {"0": 1}, L2()))


def test_its_label_says_what_differs_from_the_defaults() -> None:
    assert PRUNER.label({"ratio": 0.9}) == "un0.9"
    assert PRUNER.label({"ratio": 0.95, "scope": "global"}) == "un0.95g"
