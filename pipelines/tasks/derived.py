"""Students derived from the teacher: as many of its blocks, evenly spaced, with everything around them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

Call = tuple[object, object]
"""The first thing that a module took and gave."""


@dataclass(frozen=True)
class Block:
    """A block of a network.

    Attributes:
        row: What holds it.
        index: Its place there.
        keeps_shape: Whether it gives what is of the shape of what it takes, so that the network works without it.
    """

    row: nn.Sequential | nn.ModuleList
    index: int
    keeps_shape: bool


def shallower(network: nn.Module, depth: int, example: tuple[Tensor, ...]) -> nn.Module:
    """`network` itself with `depth` of its blocks, evenly spaced from the first to the last.

    Blocks are what lies in a row (an ``nn.Sequential`` or ``nn.ModuleList``) of at least two modules of one class that
    are called one after the other. Those that give another shape than they take always stay.

    Args:
        network: A fresh network; it is changed.
        depth: The number of blocks that it keeps.
        example: What it is called with.

    Raises:
        ValueError: it has no blocks, or cannot have so many.
    """
    blocks = _blocks(network, example)
    if not blocks:
        raise ValueError("the network has no row of blocks of one class, so no student can be derived; write student()")
    fixed = {place for place, block in enumerate(blocks) if not block.keeps_shape}
    low, high = max(1, len(fixed)), len(blocks)
    if not low <= depth <= high:
        raise ValueError(f"a student derived from {high} blocks has {low} to {high} of them, not {depth}")
    kept = _evenly(high, depth, fixed)
    for place in reversed(range(high)):  # from the end, so that places before stay what they are
        if place not in kept:
            del blocks[place].row[blocks[place].index]
    return network


def redrawn(network: nn.Module) -> nn.Module:
    """`network` with new random weights in all layers that can draw them; what has no way to stays as it is."""
    for module in network.modules():
        draw = getattr(module, "reset_parameters", None)
        if callable(draw):
            draw()
    return network


def depth_of(network: nn.Module, example: tuple[Tensor, ...]) -> int:
    """The number of blocks of `network`, as `shallower` counts them."""
    return len(_blocks(network, example))


def _blocks(network: nn.Module, example: tuple[Tensor, ...]) -> list[Block]:
    """The blocks in the order of their names: of a row within a block of another row, those of the inner one."""
    rows = {name: row for name, row in network.named_modules() if _is_row(row)}
    calls = _calls(network, [child for row in rows.values() for child in row], example)
    chains = {name: row for name, row in rows.items() if not _is_parallel([calls.get(child) for child in row])}
    inner = [name for name in chains if not any(other.startswith(f"{name}.") for other in chains if other != name)]
    return [
        Block(rows[name], index, _keeps_shape(calls.get(child)))
        for name in inner
        for index, child in enumerate(rows[name])
    ]


def _is_row(module: nn.Module) -> bool:
    """Return True if `module` is a row of at least two modules of one class, which have parts of their own."""
    if not isinstance(module, (nn.Sequential, nn.ModuleList)) or len(module) < 2:
        return False
    return len({type(child) for child in module}) == 1 and all(dict(child.named_children()) for child in module)


def _calls(network: nn.Module, modules: list[nn.Module], example: tuple[Tensor, ...]) -> dict[nn.Module, Call]:
    """What each of `modules` took and gave when the network was called with `example`, as far as it was called."""
    calls: dict[nn.Module, Call] = {}

    def note(module: nn.Module, args: tuple[object, ...], given: object) -> None:
        calls[module] = args[0] if args else None, given[0] if isinstance(given, tuple) and given else given

    handles = [module.register_forward_hook(note) for module in modules]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(*example)
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    return calls


def _is_parallel(calls: list[Call | None]) -> bool:
    """Return True if all were given the same tensor: branches, of which none stands after another."""
    taken = [call[0] if call else None for call in calls]
    return taken[0] is not None and all(one is taken[0] for one in taken)


def _keeps_shape(call: Call | None) -> bool:
    taken, given = call or (None, None)
    return isinstance(taken, Tensor) and isinstance(given, Tensor) and taken.shape == given.shape


def _evenly(count: int, depth: int, fixed: set[int]) -> set[int]:
    """`depth` of `count` places, evenly spaced from the first to the last, among them all that are `fixed`.

    As in V. Sanh et al., "DistilBERT", 2019, where nothing is fixed.
    """
    wanted = [round(index * (count - 1) / max(1, depth - 1)) for index in range(depth)]
    kept = set(fixed)
    for place in sorted(wanted, key=lambda one: (one in fixed, wanted.index(one))):
        if len(kept) < depth:
            kept.add(place)
    for place in range(count):  # some of those wanted may have been fixed anyway
        if len(kept) < depth:
            kept.add(place)
    return kept
