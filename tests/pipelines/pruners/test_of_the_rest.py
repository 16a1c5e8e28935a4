import pytest
import torch
from torch import Tensor, nn

from pipelines.pruners.of_the_rest import OfTheRest

STAY = [0, 2, 3, 5]


@pytest.mark.parametrize("norm", [nn.LayerNorm(6), nn.GroupNorm(2, 6)], ids=["layer", "groups"])
def test_normalization_is_that_of_the_entries_that_stay(norm: nn.Module) -> None:
    x, smaller = torch.randn(3, 6), type(norm)(*((2, 4) if isinstance(norm, nn.GroupNorm) else (4,)))
    name = "native_layer_norm" if isinstance(norm, nn.LayerNorm) else "native_group_norm"
    with OfTheRest({(name, 1): {1: (1, 4)}}):
        got = norm(x)
    assert torch.allclose(got[:, STAY], smaller(x[:, STAY]), atol=1e-6)
    assert got[:, [1, 4]].eq(0).all()


def test_only_the_call_that_is_named_is_changed() -> None:
    def means(x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(1), x.mean(1)

    x = torch.randn(3, 6)
    with OfTheRest({("mean", 2): {1: (1, 4)}}):
        whole, rest = means(x)
    assert torch.equal(whole, x.mean(1))
    assert torch.allclose(rest, x[:, STAY].mean(1))
