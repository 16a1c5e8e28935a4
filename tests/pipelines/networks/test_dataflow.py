import torch
from torch import Tensor, nn

from pipelines.networks.axes import basic
from pipelines.networks.dataflow import OF_INPUT, OF_OUTPUT, Dataflow


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj, self.head = nn.Linear(6, 24), nn.Linear(8, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).view(1, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
        heads = (q @ k.transpose(2, 3)).softmax(-1) @ v
        return self.head((x + self.proj(heads.transpose(1, 2).flatten(2))).mean(1))


def test_one_projection_is_parts_heads_and_widths() -> None:
    flow = Dataflow(Attention().eval(), (torch.randn(1, 5, 6),))
    parts, heads, width = basic(flow.leaves["qkv.weight"][0])
    assert [axis.size for axis in (parts, heads, width)] == [3, 2, 4]
    assert "batched" in heads.roles
    assert "mixed" in width.roles
    assert basic(flow.leaves["proj.weight"][1]) == [heads, width]
    assert flow.products(heads) == {2, 6, 8, 24}
    assert basic(flow.leaves["proj.weight"][0])[0].fixed == OF_INPUT
    assert basic(flow.leaves["head.weight"][0])[0].fixed == OF_OUTPUT


def test_an_operator_without_a_rule_fixes_what_it_touches() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.two(torch.renorm(self.one(x), 2, 0, 1.0))

    flow = Dataflow(Odd().eval(), (torch.randn(3, 4),))
    (axis,) = basic(flow.leaves["one.weight"][0])
    assert axis.fixed == "the operator renorm moves or mixes its channels"
