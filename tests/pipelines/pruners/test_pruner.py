"""The contract of every registered pruner, with every importance, on every kind of network that it can prune."""

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import onnxruntime
import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.formats.onnx_format import MODEL
from pipelines.importances import IMPORTANCES
from pipelines.pruners import PRUNERS, Pruner, PruningRequest
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.runtimes import OUTPUT, to_feed
from pipelines.stages import PRUNE, Export
from pipelines.training.context import Context
from tests.pipelines.technique_names import unknown_names

Made = tuple[Callable[[], nn.Module], torch.Tensor]


def size(model: nn.Module) -> int:
    """Parameters that are not zero."""
    return sum(int((parameter != 0).sum()) for parameter in model.parameters())


def zeros_of(model: nn.Module) -> dict[str, int]:
    return {name: int((parameter == 0).sum()) for name, parameter in model.named_parameters()}


def hooks(model: nn.Module) -> int:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


def noise(example: torch.Tensor, count: int = 5) -> torch.Tensor:
    return torch.randn(count, *example.shape[1:])


def importance_names(pruner: Pruner, scope: str) -> list[str]:
    """The importances that a recipe may name beside this pruner and scope; l2 alone if it ranks by its own measure."""
    options = [p.domain.values for p in pruner.parameters if p.name == "pruning.importance"]
    beside = {"pruning.method": pruner.name, "pruning.scope": scope}

    def is_legal(name: str) -> bool:
        return not any(rule.broken_by({**beside, "pruning.importance": name}, ["prune"]) for rule in PRUNE.rules)

    return [name for name in options[0] if is_legal(name)] if options else ["l2"]


COMBINATIONS = [
    pytest.param(pruner, name, scope, id=f"{pruner.name}-{name}-{scope}")
    for pruner in PRUNERS.values()
    for scope in ("local", "global")
    for name in importance_names(pruner, scope)
]
combinations = pytest.mark.parametrize(("pruner", "name", "scope"), COMBINATIONS)


@pytest.fixture(scope="module")
def can_cut(networks: Mapping[str, Made]) -> Callable[[str], list[Made]]:
    """The networks that a pruner has no objection to, by its name: it is asked once."""

    @functools.cache
    def found(name: str) -> list[Made]:
        return [made for made in networks.values() if PRUNERS[name].problem(made[0]().eval(), made[1]) is None]

    return found


@pytest.fixture
def possible(pruner: Pruner, can_cut: Callable[[str], list[Made]]) -> list[Made]:
    """The networks that the pruner has no objection to."""
    found = can_cut(pruner.name)
    assert found
    return found


def test_it_has_no_attribute_that_its_protocol_does_not_know(pruner: Pruner) -> None:
    assert unknown_names(pruner, Pruner) == set()


def test_it_is_registered_under_its_own_name(pruner: Pruner) -> None:
    assert PRUNERS[pruner.name] is pruner


def test_it_says_beforehand_what_it_cannot_do(
    pruner: Pruner, network: Made, make_cut: Callable[..., PruningRequest]
) -> None:
    make, example = network
    model = make()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    problem = pruner.problem(model, example)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    if problem is None:
        pruner.prune(model, make_cut(pruner, model, example))
    else:
        with pytest.raises(TrialFailed):
            pruner.prune(model, make_cut(pruner, model, example))


def test_what_cannot_be_called_is_a_problem_and_no_traceback(pruner: Pruner) -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.num_heads, self.q, self.k, self.v = 2, nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
            self.out = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("no such thing")

    model = Broken()
    problem = pruner.problem(model, torch.zeros(1, 5, 8))
    assert hooks(model) == 0
    if pruner.name not in ("unstructured", "n:m"):  # which need not call it
        assert problem == "the network cannot be pruned so: ValueError: no such thing"


@combinations
def test_the_network_gets_smaller_and_gives_the_same_shape(
    pruner: Pruner, name: str, scope: str, possible: list[Made], make_cut: Callable[..., PruningRequest]
) -> None:
    for make, example in possible:
        model, importance = make().eval(), IMPORTANCES[name]
        if importance.problem(model):
            continue
        before = size(model)
        cut = make_cut(pruner, model, example, importance=importance, params={"ratio": 0.5, "scope": scope})
        pruner.prune(model, cut)
        assert size(model) < before
        assert model(noise(example)).shape == (5, 2)


@combinations
def test_the_same_seed_gives_the_same_cut(
    pruner: Pruner, name: str, scope: str, possible: list[Made], make_cut: Callable[..., PruningRequest]
) -> None:
    make, example = possible[0]
    one, other = make().eval(), make().eval()
    other.load_state_dict(one.state_dict())
    importance, params = IMPORTANCES[name], {"ratio": 0.5, "scope": scope}
    histories = []
    for model in (one, other):
        torch.manual_seed(3)
        cut = make_cut(pruner, model, example, importance=importance, params=params)
        histories.append(pruner.prune(model, cut))
    assert histories[0] == histories[1]
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_its_history_repeats_the_cut_on_a_fresh_network(
    pruner: Pruner, possible: list[Made], make_cut: Callable[..., PruningRequest], tmp_path: Path
) -> None:
    for make, example in possible:
        model, copy = make().eval(), make().eval()
        history = json.loads(json.dumps(pruner.prune(model, make_cut(pruner, model, example))))
        pruner.replay(copy, example, history)
        save_model(model, str(tmp_path / "weights"))
        load_model(copy, str(tmp_path / "weights"))
        images = noise(example)
        assert torch.equal(copy(images), model(images))


def test_two_cuts_replay_one_after_the_other(
    pruner: Pruner, possible: list[Made], make_cut: Callable[..., PruningRequest]
) -> None:
    for make, example in possible:
        model, copy = make().eval(), make().eval()
        whole = make_cut(pruner, model, example)
        for share in (0.3, 1.0):
            pruner.replay(copy, example, json.loads(json.dumps(pruner.prune(model, whole.part(share)))))
        copy.load_state_dict(model.state_dict())
        assert torch.equal(copy(images := noise(example)), model(images))


@pytest.mark.parametrize("scope", ["local", "global"])
def test_several_cuts_end_at_the_sizes_of_one(
    pruner: Pruner, scope: str, possible: list[Made], make_cut: Callable[..., PruningRequest]
) -> None:
    for make, example in possible:
        one, other = make().eval(), make().eval()
        other.load_state_dict(one.state_dict())
        cut = make_cut(pruner, one, example, params={"ratio": 0.5, "scope": scope})
        pruner.prune(one, cut)
        for share in (0.25, 0.5, 1.0):
            pruner.prune(other, cut.part(share))
        if scope == "local":
            assert pruner.sizes(other, example) == pruner.sizes(one, example)
        # Ranked together, layers may share the loss differently: what is left has been ranked anew.
        # Of what is no longer there, one is left.
        left = [pruner.sizes(network, example) for network in (one, other)]
        assert len({sum(sizes.get(name, 1) for name in cut.sizes) for sizes in left}) == 1


def test_it_leaves_nothing_behind_in_the_network(
    pruner: Pruner, possible: list[Made], make_cut: Callable[..., PruningRequest]
) -> None:
    for make, example in possible:
        model, copy = make().eval(), make().eval()
        for network in (model, copy):
            next(module for module in network.modules() if isinstance(module, nn.Linear)).requires_grad_(False)
        frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
        cut = make_cut(pruner, model, example, importance=IMPORTANCES["taylor"])
        pruner.replay(copy, example, pruner.prune(model, cut))
        for network in (model, copy):
            assert hooks(network) == 0
            assert not any(module.training for module in network.modules())
            named = dict(network.named_parameters())
            assert {name for name, parameter in named.items() if not parameter.requires_grad} == frozen & set(named)
            assert all(parameter.grad is None for parameter in named.values())


def test_ratios_by_layer_leave_the_other_layers_whole(
    pruner: Pruner, possible: list[Made], make_cut: Callable[..., PruningRequest]
) -> None:
    for make, example in possible:
        model = make().eval()
        sizes = pruner.sizes(model, example)
        layer = max(sizes, key=lambda name: sizes[name])
        before = {name: int((p != 0).sum()) for name, p in model.named_parameters()}
        pruner.prune(model, make_cut(pruner, model, example, ratio={layer: 0.5}, params={"scope": "global"}))
        after = pruner.sizes(model, example)
        assert {name: count for name, count in after.items() if name != layer} == {
            name: count for name, count in sizes.items() if name != layer
        }
        changed = sum(int((p != 0).sum()) for p in model.parameters()) < sum(before.values())
        assert changed


def test_it_survives_save_reload_and_export(
    pruner: Pruner, possible: list[Made], make_cut: Callable[..., PruningRequest], tmp_path: Path, context: Context
) -> None:
    for make, example in possible:
        model = make().eval()
        history = pruner.prune(model, make_cut(pruner, model, example))
        Checkpoint(model, [{"network": "teacher"}, {"pruner": pruner.name, "history": history}]).save(tmp_path)
        task, inputs = Fresh(make, example), noise(example)
        loaded = Checkpoint.load(tmp_path, task).model  # type: ignore[arg-type]
        assert torch.equal(loaded(inputs), model(inputs))
        assert zeros_of(loaded) == zeros_of(model)
        Export().run(tmp_path, tmp_path, {}, replace(context, task=task))  # type: ignore[arg-type]
        (got,) = onnxruntime.InferenceSession(tmp_path / MODEL).run([OUTPUT], to_feed(inputs))
        assert torch.allclose(torch.from_numpy(got), model(inputs), atol=1e-4)


@dataclass
class Fresh:
    """A task whose teachers have random weights."""

    teacher: Callable[[], nn.Module]
    example: torch.Tensor

    def example_input(self) -> torch.Tensor:
        return self.example

    def batches(self, split: str) -> list:
        return []


def test_its_label_is_short_and_differs(pruner: Pruner, some_params: Callable) -> None:
    labels = {other.label(some_params(other)) for other in PRUNERS.values()}
    assert len(labels) == len(PRUNERS)
    assert re.fullmatch(r"\S{1,16}", pruner.label(some_params(pruner)))
