"""Students derived from the teacher: as many of its blocks, evenly spaced, with everything around them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

Block = tuple[nn.Sequential | nn.ModuleList, int]
"""A block as the row that holds it, and its place there."""


def shallower(network: nn.Module, depth: int, example: tuple[Tensor, ...]) -> nn.Module:
    """`network` itself with `depth` of its blocks, evenly spaced from the first to the last.

    Blocks are what lies in a row (an ``nn.Sequential`` or ``nn.ModuleList``) of at least two modules of one class, as
    far as the network works without them: they give what is of the shape of what they take. Others always stay.

    Args:
        network: A fresh network; it is changed.
        depth: The number of blocks that it keeps.
        example: What it is called with.

    Raises:
        ValueError: it has no blocks, or cannot have so many.
    """
    blocks = list(_blocks(network))
    if not blocks:
        raise ValueError("the network has no row of blocks of one class, so no student can be derived; write student()")
    fixed = _fixed(network, blocks, example)
    low, high = max(1, len(fixed)), len(blocks)
    if not low <= depth <= high:
        raise ValueError(f"a student derived from {high} blocks has {low} to {high} of them, not {depth}")
    kept = _evenly(high, depth, fixed)
    for place in reversed(range(high)):  # from the end, so that places before stay what they are
        if place not in kept:
            row, index = blocks[place]
            del row[index]
    return network


def redrawn(network: nn.Module) -> nn.Module:
    """`network` with new random weights in all layers that can draw them; what has no way to stays as it is."""
    for module in network.modules():
        draw = getattr(module, "reset_parameters", None)
        if callable(draw):
            draw()
    return network


def depth_of(network: nn.Module) -> int:
    """The number of blocks of `network`, as `shallower` counts them."""
    return len(list(_blocks(network)))


def _blocks(network: nn.Module) -> Iterator[Block]:
    """The blocks in the order of their names: those of rows that lie in no other row."""
    inner: set[str] = set()
    for name, row in network.named_modules():
        if not isinstance(row, (nn.Sequential, nn.ModuleList)) or any(name.startswith(f"{one}.") for one in inner):
            continue
        children = list(row)
        classes = {type(child) for child in children}
        stacked = len(children) > 1 and len(classes) == 1 and any(True for _ in children[0].children())
        if stacked and not isinstance(children[0], (nn.Sequential, nn.ModuleList)) and not _is_stage(children[0]):
            inner.add(name)
            yield from ((row, index) for index in range(len(children)))


def _is_stage(module: nn.Module) -> bool:
    """Return True if `module` holds a row of blocks itself: then it is a stage, and those are the blocks."""
    rows = [row for row in module.modules() if isinstance(row, (nn.Sequential, nn.ModuleList)) and len(row) > 1]
    return any(
        len({type(child) for child in row}) == 1 and any(True for _ in next(iter(row)).children()) for row in rows
    )


def _fixed(network: nn.Module, blocks: list[Block], example: tuple[Tensor, ...]) -> set[int]:
    """The places of the blocks that have to stay: they give another shape than they take, or are not called so."""
    movable: set[int] = set()

    def watch(place: int) -> object:
        def hook(block: nn.Module, args: tuple[object, ...], given: object) -> None:
            answer = given[0] if isinstance(given, tuple) and given else given
            taken = args[0] if args else None
            if isinstance(answer, Tensor) and isinstance(taken, Tensor) and answer.shape == taken.shape:
                movable.add(place)

        return blocks[place][0][blocks[place][1]].register_forward_hook(hook)

    handles = [watch(place) for place in range(len(blocks))]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(*example)
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()  # type: ignore[attr-defined]
    return set(range(len(blocks))) - movable


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
