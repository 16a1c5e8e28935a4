"""Block pruning: whole layers are removed, where the network stays whole without them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from pipelines.declaration import Declaration
from pipelines.errors import TrialFailed, UnchangedError
from pipelines.importances import L2
from pipelines.networks.exclusion import ALL_EXCLUDED, NOTHING_EXCLUDED, Exclusion
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


NOTHING = "no two blocks with weights that keep their input's shape follow each other"


class BlockPruner:
    """Remove the blocks that change what passes through them least, and at most all but one of each sequence.

    A block is a child with weights of an ``nn.Sequential`` or ``nn.ModuleList``, or one of several attributes that
    follow each other, that gives what has its input's shape. Normalization and activations that follow it are part of
    it, and go with it. Its influence
    is 1 − cos(input, output), averaged over some training inputs and their positions. The ratio counts the blocks of
    all sequences together; given by layer, those of each sequence. A block without which the network would compute
    something else than with its input passed on stays.

    Source: X. Men et al., "ShortGPT: Layers in Large Language Models are More Redundant Than You Expect", 2024.
    """

    name = "blocks"
    parameters: tuple[Parameter, ...] = (RATIO,)
    declares = Declaration()

    def problem(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> str | None:
        """See `Pruner.problem`."""
        try:
            sizes = self.sizes(model, example, exclude)
            if not any(count > 1 for count in sizes.values()):
                if exclude.patterns and any(count > 1 for count in self.sizes(model, example).values()):
                    return ALL_EXCLUDED
                return NOTHING
            with traceable(model):
                network = copied(model, example)
            self.prune(network, PruningRequest(example, 0.5, sizes, L2(), exclude=exclude))
        except TrialFailed as error:
            return error.reason
        return None

    def sizes(self, model: nn.Module, example: Inputs, exclude: Exclusion = NOTHING_EXCLUDED) -> Sizes:
        """See `Pruner.sizes`: removable blocks by the sequence that holds them (the network itself is '')."""
        with traceable(model):
            return {name: len(blocks) for name, blocks in _blocks(model, example, exclude).items()}

    def prune(self, model: nn.Module, cut: PruningRequest) -> Any:
        """See `Pruner.prune`; the history is the list of the blocks' names, in the order of their removal."""
        with traceable(model):
            left = _blocks(model, cut.example, cut.exclude)
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


class _Sources(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it, what comes of one tensor by activations alone is known to come of it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._of: dict[int, int] = {}
        self._alive: list[Tensor] = []  # or memory would be used again

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given = [x for x in args if isinstance(x, Tensor)]
        if torch.Tag.pointwise in func.tags and len(given) == 1 and isinstance(result, Tensor):
            self._alive += [given[0], result]
            self._of.setdefault(_memory(result), self.of(given[0]))
        return result

    def of(self, tensor: Tensor) -> int:
        """The memory of what `tensor` comes of."""
        return self._of.get(_memory(tensor), _memory(tensor))


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _watch(model: nn.Module, names: Iterable[str], batches: Iterable[Inputs]) -> Calls:
    with ExitStack() as stack, torch.no_grad():
        seen = {name: _Seen(model.get_submodule(name)) for name in names}
        for watcher in seen.values():
            stack.callback(watcher.handle.remove)
        for batch in batches:
            model(*as_tuple(batch))
    return {name: watcher.calls for name, watcher in seen.items()}


def _blocks(model: nn.Module, example: Inputs, exclude: Exclusion) -> Blocks:
    kept = {
        name: [block for block in blocks if not any(exclude.touches(model, part) for part in block)]
        for name, blocks in _all_blocks(model, example).items()
    }
    return {name: blocks for name, blocks in kept.items() if blocks}


def _all_blocks(model: nn.Module, example: Inputs) -> Blocks:
    names = [name for name, module in model.named_modules() if name and not isinstance(module, nn.ModuleList)]
    with _Sources() as sources:
        calls = _watch(model, names, [example])
    rows = _Rows(sources, {name: own[0] for name, own in calls.items() if len(own) == 1})
    return rows.within("", model)


class _Rows:
    """Finds rows of blocks.

    Args:
        sources: What activations are made of.
        calls: The call of each module that is called once.
    """

    def __init__(self, sources: _Sources, calls: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        self._sources, self._calls = sources, calls

    def within(self, name: str, module: nn.Module) -> Blocks:
        """The blocks in `module`, by the sequence or module that holds them."""
        paths = {f"{name}.{key}".lstrip("."): child for key, child in module.named_children()}
        inner = {path: self.within(path, child) for path, child in paths.items()}
        # A sequence of blocks is no block itself, but one of a convolution and what follows it is. Blocks that are gone
        # count, or what is a block would depend on them.
        firsts = [path for path, child in paths.items() if self._keeps_shape(path) and _has_weights(child)]
        if isinstance(module, (nn.Sequential, nn.ModuleList)):
            several = {
                path
                for path, child in paths.items()
                if isinstance(child, nn.Sequential) and sum(map(len, inner[path].values())) + _gone(child) > 1
            }
            firsts = [path for path in firsts if path not in several]
        else:
            firsts = [path for path in firsts if not _holds_several(path, paths[path], inner[path])]
            firsts = self._in_a_row(firsts, paths)
        found: Blocks = {}
        for path in paths:
            if path in firsts:
                found.setdefault(name, []).append(self._block(path, paths))
            else:
                found |= inner[path]
        return found

    def _block(self, first: str, paths: Mapping[str, nn.Module]) -> Block:
        """The block that begins with `first`, with what follows it up to the next with weights."""
        block, order = [first], [*paths]
        for path in order[1 + order.index(first) :]:
            if _has_weights(paths[path]) or not self._keeps_shape(path) or not self._follows(block[-1], path):
                break
            if not isinstance(paths[path], Removed):
                block.append(path)
        return tuple(block)

    def _in_a_row(self, firsts: Sequence[str], paths: Mapping[str, nn.Module]) -> list[str]:
        """Those of `firsts`, which are attributes of one module, that follow each other, if there are several."""
        chains, before = list[list[str]](), ""
        for path in paths:
            if not self._keeps_shape(path):
                continue
            if not before or not self._follows(before, path):
                chains.append([])
            chains[-1].append(path)
            before = path
        found = []
        for chain in chains:
            own = [path for path in chain if path in firsts]
            if len(own) + sum(isinstance(paths[path], Removed) for path in chain) > 1:
                found += own
        return found

    def _keeps_shape(self, name: str) -> bool:
        return name in self._calls and self._calls[name][0].shape == self._calls[name][1].shape

    def _follows(self, name: str, other: str) -> bool:
        """Return True if the module `other` is given what `name` gives, or an activation of it."""
        return self._sources.of(self._calls[other][0]) == self._sources.of(self._calls[name][1])


def _holds_several(path: str, module: nn.Module, rows: Blocks) -> bool:
    """Return True if a sequence in `module`, which is called `path`, has several blocks, those that are gone too."""
    sequences = {
        f"{path}.{key}".rstrip("."): part
        for key, part in module.named_modules()
        if isinstance(part, (nn.Sequential, nn.ModuleList))
    }
    return any(len(rows.get(name, ())) + _gone(part) > 1 for name, part in sequences.items())


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
