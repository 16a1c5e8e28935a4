"""The parts of a data set: which of its rows train, calibrate, validate and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.tasks.task import Split

SHARE = 0.15
"""Of the rows for validation, and for the test, where the data has no such part."""

CALIBRATION = 256
"""How many training examples calibrate, at most."""

NAMES: Mapping[str, Split] = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test",
}  # fmt: skip
"""What data sets call their parts."""

Rows = Mapping[Split, np.ndarray]


def divided(given: Mapping[Split, np.ndarray], labels: Sequence[object]) -> tuple[Rows, str]:
    """The rows of each split, the same in every process.

    A part that is missing is drawn at random from ``train``, with the same share of each label where labels repeat;
    ``calibration`` is a random part of ``train``.

    Args:
        given: The rows of the parts that the data has; at least ``train``.
        labels: The label of each row.

    Returns:
        The rows, and in words what was drawn; empty if nothing was.
    """
    parts, drawn = dict(given), []
    chance = np.random.default_rng(0)
    whole = len(parts["train"])
    for split in ("test", "validation"):
        if split not in parts:
            chosen = _share(parts["train"], round(SHARE * whole), labels, chance)
            parts[split], parts["train"] = chosen, np.setdiff1d(parts["train"], chosen)  # type: ignore[index]
            drawn.append(f"{len(chosen)} for {split}")
    parts["calibration"] = chance.permutation(parts["train"])[:CALIBRATION]
    words = f"the data names no part for this, so that of {whole} rows are drawn, with a fixed seed: {', '.join(drawn)}"
    return parts, words if drawn else ""


def _share(rows: np.ndarray, count: int, labels: Sequence[object], chance: np.random.Generator) -> np.ndarray:
    """`count` of `rows`, about as many of each label as there are, where each has several."""
    own = [str(labels[row]) for row in rows]
    sizes = Counter(own)
    shuffled = chance.permutation(len(rows))
    if min(sizes.values()) < 2 or len(sizes) * 2 > len(rows):
        return np.sort(rows[shuffled[:count]])
    left = {label: max(1, round(size * count / len(rows))) for label, size in sizes.items()}
    chosen = []
    for place in shuffled:
        if left[own[place]] > 0:
            left[own[place]] -= 1
            chosen.append(rows[place])
    return np.sort(np.array(chosen))
