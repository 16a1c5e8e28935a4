import pytest
import torch
from torch import nn

from pipelines.importances import IMPORTANCES
from pipelines.pruners import PruningRequest
from pipelines.pruners.weights import rank_gradients, scores, weights


def request_for(importance: str, gradients=lambda model: None) -> PruningRequest:
    return PruningRequest(torch.zeros(1, 2), 0.5, {}, IMPORTANCES[importance], gradients=gradients)


def test_matrices_and_convolutions_have_weights_and_biases_norms_and_embeddings_have_none() -> None:
    model = nn.Sequential(
        nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Conv1d(4, 4, 1), nn.MultiheadAttention(4, 2)
    )
    names = [weight.name for weight in weights(model)]
    assert names == ["1.weight", "3.weight", "4.in_proj_weight", "4.out_proj.weight"]


def test_a_weight_that_two_layers_share_is_there_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    assert [weight.name for weight in weights(model)] == ["0.weight"]


def test_what_is_zero_already_ranks_below_everything_else() -> None:
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0, -3.0]]))
    (weight,) = weights(model)
    assert scores(weight, request_for("l2")).tolist() == [[float("-inf"), 9.0]]


@pytest.mark.parametrize(("importance", "asked"), [("taylor", 1), ("l2", 0)])
def test_gradients_are_computed_only_where_they_are_read(importance: str, asked: int) -> None:
    called = []
    rank_gradients(nn.Linear(2, 1), request_for(importance, called.append))
    assert len(called) == asked
