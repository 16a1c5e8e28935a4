"""Block pruning: whole layers are removed, where the network stays whole without them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.declaration import Declaration
from pipelines.errors import TrialFailed, UnchangedError
from pipelines.importances import L2
from pipelines.pruners.check import Check, brief, copied, is_same, sound, stays, told
from pipelines.pruners.options import RATIO
from pipelines.pruners.pruning_request import PruningRequest, Sizes
from pipelines.pruners.traceable import traceable
from pipelines.tasks.task import Inputs, as_tuple
from spaces import Parameter, Params

Block = tuple[str, ...]
"""The names of the modules of one block, which follow each other: the first has the weights."""

Blocks = dict[str, list[Block]]
"""The blocks that can be removed, by the name of the sequence that holds them."""

Calls = dict[str, list[tuple[Tensor, Tensor]]]
"""What modules were given and what they gave, by name: one pair for each call."""


class BlockPruner:
    """Remove the blocks that change what passes through them least, and at most all but one of each sequence.

    A block is a child with weights of an ``nn.Sequential`` or ``nn.ModuleList`` that gives what has its input's shape.
    In an ``nn.Sequential``, normalization and activations that follow it are part of it, and go with it. Its influence
    is 1 − cos(input, output), averaged over some training inputs and their positions. The ratio counts the blocks of
    all sequences together; given by layer, those of each sequence. A block without which the network would compute
    something else than with its input passed on stays.

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
            with traceable(model):
                network = copied(model, example)
            self.prune(network, PruningRequest(example, 0.5, sizes, L2()))
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
            influence = _influence(model, [block for blocks in left.values() for block in blocks], cut)
            chosen = _chosen(left, influence, cut)
            if not chosen and {name: len(blocks) for name, blocks in left.items()} == dict(cut.sizes):
                raise UnchangedError(f"no block to remove at {cut.told}: each sequence keeps one")
            check = Check(model, cut.example)
            fine, faults = sound({block[0]: block for block in chosen}, partial(_fault, check))
            if faults and not fine:
                raise TrialFailed(f"no block can be removed: {told(faults)}")
            history = _in_order(model, list(fine.values()))
            for name in history:
                _remove(model, name)
            for note in stays(faults):
                cut.note(note)
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


def _watch(model: nn.Module, names: Iterable[str], batches: Iterable[Inputs]) -> Calls:
    with ExitStack() as stack, torch.no_grad():
        seen = {name: _Seen(model.get_submodule(name)) for name in names}
        for watcher in seen.values():
            stack.callback(watcher.handle.remove)
        for batch in batches:
            model(*as_tuple(batch))
    return {name: watcher.calls for name, watcher in seen.items()}


def _blocks(model: nn.Module, example: Inputs) -> Blocks:
    names = [name for name, module in model.named_modules() if name and not isinstance(module, nn.ModuleList)]
    calls = _watch(model, names, [example])

    def keeps_shape(name: str) -> bool:
        return len(calls.get(name, ())) == 1 and calls[name][0][0].shape == calls[name][0][1].shape

    def block(path: str, key: str, module: nn.Module) -> Block:
        """The child `key` of `module`, with what follows it up to the next with weights."""
        block, after = [path], list(module.named_children())
        for other, child in after[1 + [name for name, _ in after].index(key) :]:
            name = f"{path.rpartition('.')[0]}.{other}".lstrip(".")
            if isinstance(module, nn.ModuleList) or _has_weights(child) or not keeps_shape(name):
                break
            block.append(name)
        return tuple(block)

    def find(name: str, module: nn.Module) -> Blocks:
        found: Blocks = {}
        for key, child in module.named_children():
            path = f"{name}.{key}" if name else key
            inner = find(path, child)
            # A sequence of blocks is no block itself, but one of a convolution and what follows it is. Blocks that are
            # gone count, or what is a block would depend on them.
            several = isinstance(child, nn.Sequential) and sum(map(len, inner.values())) + _gone(child) > 1
            is_block = _has_weights(child) and keeps_shape(path) and not several
            if isinstance(module, (nn.Sequential, nn.ModuleList)) and is_block:
                found.setdefault(name, []).append(block(path, key, module))
            else:
                found |= inner
        return found

    return find("", model)


def _has_weights(module: nn.Module) -> bool:
    """Return True if `module` has more than vectors."""
    return any(parameter.dim() > 1 for parameter in module.parameters())


def _influence(model: nn.Module, blocks: list[Block], cut: PruningRequest) -> dict[Block, float]:
    """1 − cos(input, output) of each block: of each position's features, or of a whole image."""
    calls = _watch(model, {name for block in blocks for name in block}, list(cut.inputs()) or [cut.example])
    result = {}
    for block in blocks:
        cosines = []
        for (given, _), (_, output) in zip(calls[block[0]], calls[block[-1]], strict=True):
            one, other = (x.flatten(1) if x.dim() > 3 else x.flatten(0, -2) for x in (given, output))
            cosines.append(functional.cosine_similarity(one.double(), other.double(), dim=-1))
        result[block] = 1 - float(torch.cat(cosines).mean())
    return result


def _chosen(left: Blocks, influence: dict[Block, float], cut: PruningRequest) -> list[Block]:
    """The blocks that go: the least influential, but never the last of a sequence."""
    if isinstance(cut.ratio, (int, float)):
        pools = [(list(left), float(cut.ratio))]
    else:
        pools = [([name], cut.ratio_of(name)) for name in left]
    chosen: list[Block] = []
    for sequences, ratio in pools:
        size, now = sum(cut.sizes[name] for name in sequences), sum(len(left[name]) for name in sequences)
        wanted = math.ceil(size * ratio - 1e-9) - (size - now)
        stays = {max(left[name], key=influence.__getitem__) for name in sequences}
        ranked = sorted((b for name in sequences for b in left[name] if b not in stays), key=influence.__getitem__)
        chosen += ranked[: max(0, wanted)]
    return chosen


def _fault(check: Check, blocks: Sequence[Block]) -> str | None:
    """The reason why the network without `blocks` computes something else than if they pass their input on, or None."""
    smaller, passing = check.copy(), check.copy()
    names = _in_order(smaller, blocks)
    for name in names:
        passing.get_submodule(name).register_forward_hook(_passes, with_kwargs=True)
    expected = check.of(passing)
    try:
        for name in names:
            _remove(smaller, name)
        got = check.of(smaller)
    except Exception as error:  # whatever a person's network does when it is smaller
        return f"without it the network fails: {brief(error)}"
    if is_same(got, expected):
        return None
    return (
        "without it the network computes something else than if it passed its input on: it depends on the number or "
        "names of the blocks"
    )


def _passes(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
    """A hook that gives what the module was given in place of its output."""
    given = _tensor((*args, *kwargs.values()))
    return given if isinstance(output, Tensor) else (given, *output[1:])


def _in_order(model: nn.Module, blocks: Sequence[Block]) -> list[str]:
    """The modules of `blocks` in the order of their removal: the last first, as a list counts anew after each."""
    order = [name for name, _ in model.named_modules()]
    return sorted((name for block in blocks for name in block), key=order.index, reverse=True)


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
