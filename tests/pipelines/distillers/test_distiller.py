"""The contract of every distiller."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from pipelines.distillers import FEATURES, RESPONSE, ActivationRecorder, Distiller, FeatureDistiller, Signals
from pipelines.distillers.teaching import distillation_problem, feature_pairs
from pipelines.tasks.task import Inputs
from spaces import Value
from tests.pipelines.technique_names import unknown_names

DISTILLERS = {RESPONSE.name: RESPONSE, **FEATURES}

pytestmark = pytest.mark.parametrize("distiller", DISTILLERS.values(), ids=list(DISTILLERS))


class Tokens(nn.Module):
    """Four tokens of `width` numbers, mixed `depth` times; logits (N, 2)."""

    def __init__(self, depth: int, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Linear(16, width)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(width, 2, 16, batch_first=True) for _ in range(depth))
        self.head = nn.Linear(width, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.embed(images.reshape(len(images), 4, 16))
        for layer in self.layers:
            tokens = layer(tokens)
        return self.head(tokens.mean(dim=1))


class Task:
    def example_input(self) -> Inputs:
        return torch.zeros(1, 1, 8, 8)


@pytest.fixture(params=["convolutions", "tokens"])
def make(request: pytest.FixtureRequest, fresh_cnn: Callable[..., nn.Module]) -> Callable[[int, int], nn.Module]:
    """Makes networks of a depth and width, in evaluation mode."""
    torch.manual_seed(0)
    return fresh_cnn if request.param == "convolutions" else lambda depth, width: Tokens(depth, width).eval()


IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def signals(distiller: Distiller, model: nn.Module, images: torch.Tensor) -> Signals:
    """What `model` says at the points where `distiller` listens by itself."""
    points = [student for _, student in feature_pairs(distiller, model, model, Task(), 1)]
    with ActivationRecorder(model, points) as listener:
        outputs = model(images)
        return Signals(outputs, listener.features)


@pytest.fixture
def params(distiller: Distiller, some_params) -> dict[str, Value]:
    return some_params(distiller)


def test_it_has_no_attribute_that_its_protocol_does_not_know(distiller: Distiller) -> None:
    protocol = FeatureDistiller if distiller.name in FEATURES else Distiller
    assert unknown_names(distiller, protocol) == set()


def test_its_weight_is_one_of_its_parameters(distiller: Distiller) -> None:
    keys = [parameter.key for parameter in distiller.parameters]
    assert distiller.weight in keys
    assert {parameter.group for parameter in distiller.parameters} == {"distillation"}


def test_its_loss_is_a_finite_scalar_above_0(distiller: Distiller, make, params) -> None:
    student, teacher = (signals(distiller, make(*sizes), IMAGES) for sizes in ((1, 8), (2, 16)))
    loss = distiller.loss(student, teacher, params)(student, teacher)
    assert loss.shape == ()
    assert torch.isfinite(loss)
    assert loss > 0


def test_a_student_like_its_teacher_has_nothing_to_learn(distiller: Distiller, make, params) -> None:
    said = signals(distiller, make(2, 8), IMAGES)
    loss = distiller.loss(said, said, params)
    torch.testing.assert_close(loss(said, said), torch.tensor(0.0), atol=1e-6, rtol=0)


@pytest.fixture
def in_double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("in_double_precision")
def test_the_student_gets_a_gradient_and_can_get_closer(distiller: Distiller, make, params) -> None:
    """One short step down the gradient, whose gain would be within the roundings of single precision."""
    student, teacher, images = make(1, 8), make(2, 8), IMAGES.double()
    with torch.no_grad():
        shown = signals(distiller, teacher, images)
    own = signals(distiller, student, images)
    loss = distiller.loss(own, shown, params)
    optimizer = torch.optim.SGD([*student.parameters(), *loss.parameters()], lr=1e-3)
    before = loss(own, shown)
    before.backward()
    moved = [p for p in student.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert moved
    assert all(torch.isfinite(p.grad).all() for p in moved)
    optimizer.step()
    assert loss(signals(distiller, student, images), shown) < before
    assert all(p.grad is None for p in teacher.parameters())


def test_batches_of_any_size_will_do(distiller: Distiller, make, params) -> None:
    student, teacher = make(1, 8), make(2, 8)
    for size in (1, 2, 3):
        own, shown = (signals(distiller, model, IMAGES[:size]) for model in (student, teacher))
        loss = distiller.loss(own, shown, params)(own, shown)
        loss.backward()
        assert torch.isfinite(loss)
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in student.parameters())


def test_equal_examples_and_dead_features_break_nothing(distiller: Distiller, make, params) -> None:
    student, teacher = make(1, 8), make(2, 8)
    with torch.no_grad():
        dead = [parameter.zero_() for parameter in make(1, 8).parameters()]
        for parameter, zero in zip(student.parameters(), dead, strict=True):
            parameter.copy_(zero)
    same = IMAGES[:1].repeat(5, 1, 1, 1)
    own, shown = (signals(distiller, model, same) for model in (student, teacher))
    loss = distiller.loss(own, shown, params)(own, shown)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in student.parameters())


def test_networks_that_compare_are_no_problem(distiller: Distiller, make) -> None:
    student, teacher = make(1, 8), make(2, 16)
    assert distillation_problem(distiller, student, teacher, Task(), 1) is None
    hooks = [hook for model in (student, teacher) for m in model.modules() for hook in m._forward_hooks]
    hooks += [hook for model in (student, teacher) for m in model.modules() for hook in m._forward_pre_hooks]
    assert hooks == []


def test_what_compares_features_finds_a_point_by_itself(distiller: Distiller, make) -> None:
    pairs = feature_pairs(distiller, make(1, 8), make(2, 16), Task(), 1)
    assert len(pairs) == (distiller.name in FEATURES)
