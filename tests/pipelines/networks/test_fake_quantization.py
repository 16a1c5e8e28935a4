from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipelines.networks.fake_quantization import FakeQuantization
from pipelines.quantizers import Calibration, QatInt8
from pipelines.runtimes import Artifact, OnnxRuntime, Target, to_feed
from pipelines.training.masks import keep_zeros


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) + len(module._forward_hooks) for module in model.modules())


def rounded(model: nn.Module, inputs: Tensor, *, per_channel: bool = True) -> Tensor:
    with FakeQuantization(model, (inputs,), per_channel=per_channel) as rounding, torch.no_grad():
        rounding.calibrate([(inputs,)])
        return model(inputs)


def linear(*rows: list[float]) -> nn.Linear:
    layer = nn.Linear(len(rows[0]), len(rows), bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rows))
    return layer


def test_nothing_is_left_behind(fresh_cnn: Callable) -> None:
    model, x = fresh_cnn(), torch.rand(4, 1, 8, 8)
    before, types = {k: v.clone() for k, v in model.state_dict().items()}, [type(m) for m in model.modules()]
    expected = model(x)
    with FakeQuantization(model, (x,), per_channel=True) as rounding:
        rounding.calibrate([(x,)])
        assert not torch.equal(model(x), expected)
    assert hooks(model) == 0
    assert [type(m) for m in model.modules()] == types
    assert set(model.state_dict()) == set(before)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in before.items())
    assert torch.equal(model(x), expected)


def test_nothing_is_left_behind_by_a_failure(fresh_cnn: Callable) -> None:
    model, x = fresh_cnn(), torch.rand(4, 1, 8, 8)
    rounding = FakeQuantization(model, (x,), per_channel=True)
    with pytest.raises(RuntimeError, match="channels"), rounding:
        model(torch.rand(4, 3, 8, 8))
    assert hooks(model) == 0
    assert not any(hasattr(module, "parametrizations") for module in model.modules())


def test_inputs_are_rounded_to_255_steps_of_their_range() -> None:
    model, x = nn.Sequential(linear([1.0])), torch.tensor([[-1.0], [0.0], [0.004], [0.009], [1.55]])
    outputs = rounded(model, x) * 100  # a step is 0.01
    assert outputs.flatten().tolist() == pytest.approx([-100, 0, 0, 1, 155], abs=1e-3)


def test_what_is_outside_the_range_is_cut_off() -> None:
    model = nn.Sequential(linear([1.0])).eval()
    with FakeQuantization(model, (torch.zeros(1, 1),), per_channel=True) as rounding:
        rounding.calibrate([(torch.tensor([[0.0]]),), (torch.tensor([[2.55]]),)])
        assert model(torch.tensor([[-1.0], [4.0]])).flatten().tolist() == pytest.approx([0, 2.55])


@pytest.mark.parametrize(("per_channel", "second"), [(True, [40, 64]), (False, [0, 1])], ids=["channel", "tensor"])
def test_weights_are_rounded_to_64_steps_a_side(per_channel: bool, second: list[int]) -> None:
    model = nn.Sequential(linear([-64.0, 32.2], [0.4, 0.64]))
    outputs = rounded(model, torch.eye(2), per_channel=per_channel)
    assert outputs[:, 0].tolist() == pytest.approx([-64, 32], rel=1e-5)
    assert (outputs[:, 1] * (100 if per_channel else 1)).tolist() == pytest.approx(second, rel=1e-4)


def test_a_convolution_is_rounded_with_the_factors_of_its_normalization() -> None:
    conv, norm = nn.Conv2d(1, 2, 1, bias=False), nn.BatchNorm2d(2, eps=1e-12)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, 100.0]).view(2, 1, 1, 1))
        norm.weight.copy_(torch.tensor([64.0, 0.101]))  # folded: 64 and 10.1, of which one scale makes 64 and 10
    outputs = rounded(nn.Sequential(conv, norm).eval(), torch.ones(1, 1, 1, 1), per_channel=False)
    assert outputs.flatten().tolist() == pytest.approx([64, 10], rel=1e-4)


def test_normalization_keeps_its_statistics_while_the_network_trains(fresh_cnn: Callable) -> None:
    model, x = fresh_cnn().train(), torch.rand(4, 1, 8, 8)
    with FakeQuantization(model, (x,), per_channel=True) as rounding:
        rounding.calibrate([(x,)])
        before = model[1].running_mean.clone()
        assert model.training
        model(x).sum().backward()
        assert torch.equal(model[1].running_mean, before)
        assert model[1].weight.grad.abs().sum() > 0
        assert model[0].parametrizations.weight.original.grad.abs().sum() > 0


def test_ranges_follow_slowly_in_training_and_stay_in_evaluation() -> None:
    model = nn.Sequential(linear([1.0]))
    with FakeQuantization(model, (torch.zeros(1, 1),), per_channel=True) as rounding:
        rounding.calibrate([(torch.tensor([[1.0]]),)])
        probe, large = torch.tensor([[100.0]]), torch.tensor([[11.0]])
        model.eval()(large)
        assert model(probe).item() == pytest.approx(1)
        model.train()(large)
        assert model.eval()(probe).item() == pytest.approx(1.1)  # 1 % of the way from 1 to 11


def test_transformers_are_rounded_in_every_weight() -> None:
    torch.manual_seed(0)
    layer, x = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval(), torch.randn(2, 5, 16)
    expected = layer(x)
    with FakeQuantization(layer, (x,), per_channel=True) as rounding, torch.no_grad():
        rounding.calibrate([(x,)])
        weights = [layer.self_attn.in_proj_weight, layer.self_attn.out_proj.weight, layer.linear1.weight]
        for weight in weights:
            steps = weight / weight.abs().amax(1, keepdim=True) * 64
            torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
        noise = (layer(x) - expected).square().mean() / expected.square().mean()
    assert 0 < noise < 1e-3
    assert hooks(layer) == 0


def test_exact_zeros_are_restored() -> None:
    layer = linear([0.0, 1.0], [2.0, 0.0])
    restore = keep_zeros(layer, ["weight"])
    with torch.no_grad():
        layer.weight.add_(1)
    restore()
    assert layer.weight.tolist() == [[0, 2], [3, 0]]


def test_its_steps_are_those_of_static_int8(export: Callable, tmp_path: Path) -> None:
    """The network in training and its file differ by nothing but single roundings that fall the other way."""
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)).eval(), torch.randn(64, 16)
    expected = rounded(model, x)
    file, calibration = tmp_path / "model.onnx", Calibration(lambda: [x])
    QatInt8().quantize(export(model, x[:1]), file, calibration, {"granularity": "channel"})
    outputs = torch.from_numpy(OnnxRuntime().load(Artifact(file, "onnx"), Target()).run(to_feed(x)))
    noise = [(values - expected).square().mean() / expected.square().mean() for values in (outputs, model(x))]
    assert noise[0] < 0.1 * noise[1]
