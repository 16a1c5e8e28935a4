"""Block pruning: whole layers are removed, where the network stays whole without them."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.declaration import Declaration
from pipelines.errors import TrialFailed
from pipelines.importances import L2
from pipelines.pruners.options import RATIO
from pipelines.pruners.probe import is_same, outputs, probe
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.traceable import traceable
from pipelines.tasks.task import Inputs, as_tuple
from spaces import Parameter, Params

Blocks = dict[str, list[str]]
"""The names of the blocks that can be removed, by the name of the sequence that holds them."""


class BlockPruner:
    """Remove the blocks that change what passes through them least, and at most all but one of each sequence.

    A block is a child with weights of an ``nn.Sequential`` or ``nn.ModuleList`` that gives what has its input's shape.
    Its influence is 1 − cos(input, output), averaged over some training inputs and their positions. The ratio counts
    the blocks of all sequences together; given by layer, those of each sequence.

    Source: X. Men et al., "ShortGPT: Layers in Large Language Models are More Redundant Than You Expect", 2024.
    """

    name = "blocks"
    parameters: tuple[Parameter, ...] = (RATIO,)
    declares = Declaration()

    def problem(self, model: nn.Module, example: Inputs) -> str | None:
        """See `Pruner.problem`."""
        try:
            sizes = self.sizes(model, example)
            if not any(count > 1 for count in sizes.values()):
                return "no nn.Sequential or nn.ModuleList holds two blocks with weights that keep their input's shape"
            self.prune(copy.deepcopy(model).eval().cpu(), PruningRequest(example, 0.5, sizes, L2()))
        except TrialFailed as error:
            return error.reason
        return None

    def sizes(self, model: nn.Module, example: Inputs) -> Sizes:
        """See `Pruner.sizes`: removable blocks by the sequence that holds them (the network itself is '')."""
        with traceable(model):
            return {name: len(blocks) for name, blocks in _blocks(model, example).items()}

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history is the list of the blocks' names, in the order of their removal."""
        with traceable(model):
            left = _blocks(model, cut.example)
            influence = _influence(model, [name for names in left.values() for name in names], cut)
            chosen = _chosen(left, influence, cut)
            if not chosen and {name: len(blocks) for name, blocks in left.items()} == dict(cut.sizes):
                raise TrialFailed(f"no block to remove at ratio {cut.ratio}: each sequence keeps one")
            # The last goes first: a list counts its blocks anew after each.
            history = sorted(chosen, key=[name for name, _ in model.named_modules()].index, reverse=True)
            inputs = probe(cut.example)
            expected = _without(copy.deepcopy(model), history, inputs)
            for name in history:
                _remove(model, name)
            if not is_same(outputs(model, inputs), expected):
                raise TrialFailed(
                    f"without its blocks {', '.join(history)} the network computes something else than if they passed "
                    "their input on: it depends on their number or names"
                )
            return history

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        for name in history:
            _remove(model, name)

    def label(self, params: Params) -> str:
        """Such as ``blk0.25``."""
        return f"blk{params['ratio']:g}"


class Removed(nn.Identity):
    """The place of a block that is gone: names and indices stay, and nothing of it is exported."""


class _Seen:
    """Watches a module: what it was given and what it gave, one pair for each call."""

    def __init__(self, module: nn.Module) -> None:
        self.calls: list[tuple[Tensor, Tensor]] = []
        self.handle = module.register_forward_hook(self._note, with_kwargs=True)

    def _note(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        given, result = _tensor((*args, *kwargs.values())), _tensor(output)
        if given is not None and result is not None:
            self.calls.append((given.detach(), result.detach()))


def _watch(model: nn.Module, names: list[str], batches: Iterator[Inputs]) -> dict[str, list[tuple[Tensor, Tensor]]]:
    with ExitStack() as stack, torch.no_grad():
        seen = {name: _Seen(model.get_submodule(name)) for name in names}
        for watcher in seen.values():
            stack.callback(watcher.handle.remove)
        for batch in batches:
            model(*as_tuple(batch))
    return {name: watcher.calls for name, watcher in seen.items()}


def _blocks(model: nn.Module, example: Inputs) -> Blocks:
    names = [name for name, module in model.named_modules() if name and not isinstance(module, nn.ModuleList)]
    calls = _watch(model, names, iter([example]))

    def is_block(name: str, module: nn.Module) -> bool:
        has_weights = any(parameter.dim() > 1 for parameter in module.parameters())
        return has_weights and len(calls.get(name, ())) == 1 and calls[name][0][0].shape == calls[name][0][1].shape

    def find(name: str, module: nn.Module) -> Blocks:
        found: Blocks = {}
        for key, child in module.named_children():
            path = f"{name}.{key}" if name else key
            inner = find(path, child)
            # A sequence of blocks is no block itself, but one of a convolution and what follows it is. Blocks that are
            # gone count, or what is a block would depend on them.
            several = isinstance(child, nn.Sequential) and sum(map(len, inner.values())) + _gone(child) > 1
            if isinstance(module, (nn.Sequential, nn.ModuleList)) and is_block(path, child) and not several:
                found.setdefault(name, []).append(path)
            else:
                found |= inner
        return found

    return find("", model)


def _influence(model: nn.Module, names: list[str], cut: PruningRequest) -> dict[str, float]:
    """1 − cos(input, output) of each block: of each position's features, or of a whole image."""
    batches = list(cut.inputs()) or [cut.example]
    result = {}
    for name, calls in _watch(model, names, iter(batches)).items():
        cosines = []
        for given, output in calls:
            one, other = (x.flatten(1) if x.dim() > 3 else x.flatten(0, -2) for x in (given, output))
            cosines.append(functional.cosine_similarity(one.double(), other.double(), dim=-1))
        result[name] = 1 - float(torch.cat(cosines).mean())
    return result


def _chosen(left: Blocks, influence: dict[str, float], cut: PruningRequest) -> list[str]:
    """The blocks that go: the least influential, but never the last of a sequence."""
    if isinstance(cut.ratio, (int, float)):
        pools = [(list(left), float(cut.ratio))]
    else:
        pools = [([name], cut.ratio_of(name)) for name in left]
    chosen: list[str] = []
    for sequences, ratio in pools:
        size, now = sum(cut.sizes[name] for name in sequences), sum(len(left[name]) for name in sequences)
        wanted = math.ceil(size * ratio - 1e-9) - (size - now)
        stays = {max(left[name], key=influence.__getitem__) for name in sequences}
        ranked = sorted((b for name in sequences for b in left[name] if b not in stays), key=influence.__getitem__)
        chosen += ranked[: max(0, wanted)]
    return chosen


def _without(model: nn.Module, names: list[str], inputs: tuple[Tensor, ...]) -> Tensor:
    """What `model` gives if the blocks pass their input on."""

    def passed(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        given = _tensor((*args, *kwargs.values()))
        return given if isinstance(output, Tensor) else (given, *output[1:])

    for name in names:
        model.get_submodule(name).register_forward_hook(passed, with_kwargs=True)
    return outputs(model, inputs)


def _remove(model: nn.Module, name: str) -> None:
    """Take a block out: a list gets shorter, a sequence keeps the place, so that names and indices stay."""
    parent, _, key = name.rpartition(".")
    sequence = model.get_submodule(parent)
    if isinstance(sequence, nn.ModuleList):
        del sequence[int(key)]
    else:
        model.set_submodule(name, Removed().train(sequence.training))


def _gone(module: nn.Module) -> int:
    return sum(isinstance(part, Removed) for part in module.modules())


def _tensor(value: Any) -> Tensor | None:
    """The first tensor of what a module is given or gives."""
    if isinstance(value, (tuple, list)):
        return next((item for item in value if isinstance(item, Tensor)), None)
    return value if isinstance(value, Tensor) else None
