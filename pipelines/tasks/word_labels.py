"""The labels of words: one for each word of a sentence, as named entities have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipelines.tasks.reading import IGNORED
from spaces import counted


@dataclass(frozen=True)
class WordLabels:
    """Sentences word by word, with a label for each word.

    Attributes:
        words: Those of each row.
        names: The names of the labels, in the order of the outputs.
        labels: The places of each row's labels in `names`.
    """

    words: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]

    def targets(self, positions: Iterable[Sequence[int | None]]) -> Tensor:
        """Targets of tokens, shape (rows, tokens): a word's label at its first token, `IGNORED` everywhere else.

        Args:
            positions: For each row the word that each token belongs to; None for what is no part of a word.
        """
        return torch.tensor([self._row(labels, of) for labels, of in zip(self.labels, positions, strict=True)])

    def _row(self, labels: Sequence[int], words: Sequence[int | None]) -> list[int]:
        before = [None, *words[:-1]]
        return [
            IGNORED if word is None or word == last else labels[word] for word, last in zip(words, before, strict=True)
        ]


def word_labels_of(sentences: Sequence[Any], labels: Sequence[Any]) -> WordLabels:
    """The words and labels of rows, in which both are lists, or texts that are divided at spaces.

    Raises:
        ValueError: a row has not one label for each word, or there is only one label.
    """
    words, given = ([_divided(value) for value in values] for values in (sentences, labels))
    for number, (own, theirs) in enumerate(zip(words, given, strict=True), 1):
        if len(own) != len(theirs):
            found = f"{counted(len(own), 'word')} and {counted(len(theirs), 'label')}"
            raise ValueError(f"row {number} has {found}; each word needs a label")
    names = sorted({label for row in given for label in row}, key=_order)
    if len(names) < 2:
        raise ValueError(f"the words have a single label, {names[0] if names else 'none'}: there is nothing to learn")
    places = {name: index for index, name in enumerate(names)}
    return WordLabels(tuple(words), tuple(names), tuple(tuple(places[label] for label in row) for row in given))


def _divided(value: Any) -> tuple[str, ...]:
    return tuple(value.split()) if isinstance(value, str) else tuple(map(str, value))


def _order(name: str) -> tuple[bool, int, str]:
    """Whole numbers by size, then names by letters."""
    return (False, int(name), "") if name.isdecimal() else (True, 0, name)
