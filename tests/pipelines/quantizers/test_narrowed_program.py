from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.formats import TorchExportFormat
from pipelines.quantizers import Bf16, Calibration, Fp16, Tf32
from pipelines.quantizers.narrowed_program import example_of, narrowed
from pipelines.runtimes import TorchProgram

NOTHING = Calibration(lambda: [])


class Masked(nn.Module):
    """Layer normalization, a mask of the smallest float32, and a constant of that type."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norm, self.head = nn.Embedding(20, 8), nn.LayerNorm(8), nn.Linear(8, 2)
        self.register_buffer("shift", torch.arange(8) / 8, persistent=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.norm(self.embedding(tokens) + self.shift)
        away = (1 - mask.to(torch.float32)) * torch.finfo(torch.float32).min
        weights = (x @ x.transpose(1, 2) + away[:, None]).softmax(-1)
        return self.head((weights @ x).mean(1))


@pytest.fixture
def network() -> nn.Module:
    return Masked().eval()


@pytest.fixture
def file(network: nn.Module, tmp_path: Path) -> Path:
    example = (torch.zeros(1, 5, dtype=torch.int64), torch.ones(1, 5, dtype=torch.int64))
    TorchExportFormat().export(network, example, tmp_path / "model.pt2")
    return tmp_path / "model.pt2"


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor]:
    mask = torch.ones(3, 5, dtype=torch.int64)
    mask[1, 3:] = 0
    return torch.randint(0, 20, (3, 5)), mask


@pytest.mark.parametrize(("scheme", "dtype", "digits"), [(Fp16(), torch.float16, 11), (Bf16(), torch.bfloat16, 8)])
def test_all_is_computed_in_16_bits_and_the_caller_sees_none_of_it(
    file: Path, network: nn.Module, inputs: tuple[Tensor, Tensor], scheme, dtype: torch.dtype, digits: int
) -> None:
    target = file.with_name("narrow.pt2")
    scheme.quantize(file, target, NOTHING, {})
    program = TorchProgram.read(target).program
    types = {node: getattr(node.meta.get("val"), "dtype", None) for node in program.graph.nodes}
    assert dtype in types.values()
    wide = [node.target for node, each in types.items() if each == torch.float32]
    assert wide == [torch.ops.aten._to_copy.default]  # the output's
    found = program.module(check_guards=False)(*inputs)
    assert found.dtype == torch.float32
    # A dozen roundings, each of half of the last digit, of numbers not larger than a few ones.
    torch.testing.assert_close(found, network(*inputs).detach(), rtol=0, atol=12 * 4 * 2.0**-digits)


def test_a_program_tells_with_what_it_can_be_traced(file: Path) -> None:
    tokens, mask = example_of(TorchProgram.read(file))
    assert tokens.shape == mask.shape == (2, 5)
    assert tokens.dtype == mask.dtype == torch.int64


def test_numbers_beyond_the_type_fail_the_trial(tmp_path: Path) -> None:
    network = nn.Linear(4, 2).eval()
    network.bias.data[0] = 1e6
    TorchExportFormat().export(network, (torch.zeros(1, 4),), tmp_path / "model.pt2")
    given = TorchProgram.read(tmp_path / "model.pt2")
    with pytest.raises(TrialFailed, match=r"bias has values above 65504, the largest number in torch\.float16"):
        narrowed(given, torch.float16)
    narrowed(given, torch.bfloat16)


def test_tf32_is_written_down_and_nothing_else_changes(file: Path, inputs: tuple[Tensor, Tensor]) -> None:
    target = file.with_name("tf32.pt2")
    Tf32().quantize(file, target, NOTHING, {})
    before, after = TorchProgram.read(file), TorchProgram.read(target)
    assert (before.tf32, after.tf32) == (False, True)
    assert torch.equal(*(each.program.module(check_guards=False)(*inputs) for each in (before, after)))
