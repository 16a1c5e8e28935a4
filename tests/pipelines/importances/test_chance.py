import torch

from pipelines.importances import Chance


def test_it_follows_torchs_seed_and_nothing_else() -> None:
    scores: list[torch.Tensor] = []
    for weight in (torch.zeros(3, 3), torch.ones(3, 3)):
        torch.manual_seed(0)
        scores.append(Chance().of_weights(weight, None))
    assert torch.equal(*scores)
    assert not torch.equal(scores[0], Chance().of_weights(torch.zeros(3, 3), None))
