"""The task ``hf-text``: a Hugging Face model that reads text, with its tokenizer, on a table of yours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.tasks.derived import shallower
from pipelines.tasks.files import reader_files
from pipelines.tasks.hub import fingerprint, loaded, name_labels, narrower, needed, quiet
from pipelines.tasks.labels import LOSS, Labels, labels_of
from pipelines.tasks.losses import NEXT_TOKEN
from pipelines.tasks.parts import divided
from pipelines.tasks.reading import IGNORED
from pipelines.tasks.served import served
from pipelines.tasks.table import read_table
from pipelines.tasks.task import Batch, Split
from pipelines.tasks.tensors import as_tuple
from pipelines.tasks.word_labels import word_labels_of
from spaces import digest, illegal

PACKAGES = ("transformers", "tokenizers")

CLASSIFIES, TAGS, WRITES = HEADS = "classification", "token-classification", "causal-lm"
"""What a model can end in."""


class HfText:
    """Classifies sentences, pairs of them or their words, gives them labels or a number, or predicts their next tokens.

    Args:
        model: The name of a model on the hub, or a folder with its configuration, tokenizer and weights.
        data: A CSV, JSON lines or parquet file, a folder with one for each part, or a name that `datasets` loads.
        text: The column of sentences, or two columns of those that belong together; of lists of words, or texts that
            are divided at spaces, where words are classified.
        label: The column of labels: classes, lists of labels, or numbers; where words are classified, as many as those.
        head: ``classification``, ``token-classification`` of words, or ``causal-lm``, which needs no labels.
        pretrained: Whether the teacher begins with the model's weights.
        length: Tokens of a sentence; longer ones are cut, shorter ones padded.
        free_length: Whether batches are padded to their longest sentence only, and the exported file takes any length.
        batch_size: Sentences per batch.
        scores: Names of scores of the whole split besides the accuracy, such as ``f1``.

    Raises:
        ValueError: a package, the model or the data is not there, or they do not fit.
    """

    outputs = ("logits",)

    def __init__(
        self,
        model: str,
        data: str,
        text: str | Sequence[str] = "text",
        label: str = "label",
        head: str = CLASSIFIES,
        pretrained: bool = True,
        length: int = 128,
        free_length: bool = False,
        batch_size: int = 32,
        scores: Sequence[str] = (),
    ) -> None:
        needed(PACKAGES)
        quiet()
        from transformers import AutoConfig, AutoTokenizer

        if head not in HEADS:
            raise ValueError(f"head: {illegal(head, HEADS)}")
        self._model, self._pretrained, self._head = model, pretrained, head
        self._length, self._free, self._batch_size = length, free_length, batch_size
        self._tokenizer: Any = loaded(AutoTokenizer.from_pretrained, model, "its tokenizer")
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.unk_token
        table = read_table(data)
        columns = [table.column(name) for name in ([text] if isinstance(text, str) else text)]
        names = table.column(label) if head == CLASSIFIES else [""] * len(table.rows)
        self._rows, self.drawn = divided(table.parts, names)
        options = {"padding": "max_length", "truncation": True, "max_length": length, "return_tensors": "pt"}
        if head == TAGS:
            tagged = word_labels_of(columns[0], table.column(label))
            found = self._tokenizer([list(row) for row in tagged.words], is_split_into_words=True, **options)
            targets = tagged.targets(found.word_ids(row) for row in range(len(table.rows)))
            self._labels: Labels | None = Labels("classes", tagged.names, targets)
            self.class_dim = -1
        else:
            self._labels = labels_of(table.column(label)) if head == CLASSIFIES else None
            found = self._tokenizer(*[[str(value) for value in column] for column in columns], **options)
        self._inputs: dict[str, Tensor] = {name: found[name] for name in sorted(found)}
        self._config = loaded(AutoConfig.from_pretrained, model, "its configuration")
        self._config.pad_token_id, self._config.use_cache = self._tokenizer.pad_token_id, False
        if self._labels:
            name_labels(self._config, self._labels.names)
        self._data = table.fingerprint
        self.loss = LOSS[self._labels.kind] if self._labels else NEXT_TOKEN
        self.scores = tuple(scores)
        self.dynamic_axes = {1: "length"} if free_length else {}

    def teacher(self) -> nn.Module:
        """The model itself, with its weights if it is pretrained."""
        if not self._pretrained:
            return self._fresh(deepcopy(self._config))
        options = {"config": deepcopy(self._config), "ignore_mismatched_sizes": True}  # it may have had other classes
        network: nn.Module = loaded(self._kind().from_pretrained, self._model, "its weights", **options)
        return network

    def student(self, depth: int, width: float = 1.0) -> nn.Module:
        """The same with `depth` of its blocks and that share of its heads and widths, and fresh weights."""
        network = served(self._fresh(narrower(deepcopy(self._config), width)), self)
        return shallower(network, depth, as_tuple(self.example_input()))

    def batches(self, split: Split) -> Iterator[Batch]:
        """Batches of a split: tokens by the names of the model's arguments; ``train`` in another order each time."""
        rows = torch.from_numpy(self._rows[split])
        order = torch.randperm(len(rows)) if split == "train" else torch.arange(len(rows))
        for chosen in torch.split(rows[order], self._batch_size):
            inputs = self._cut({name: values[chosen] for name, values in self._inputs.items()})
            if self._labels:
                targets = self._labels.targets[chosen]
                yield inputs, targets[:, : inputs["input_ids"].shape[1]] if self._head == TAGS else targets
            else:
                yield inputs, inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, IGNORED)

    def example_input(self) -> dict[str, Tensor]:
        """One sentence of full length."""
        row = int(self._rows["train"][0])
        return {name: values[row : row + 1] for name, values in self._inputs.items()}

    def fingerprint(self) -> str:
        """Changes with the data, with the files of a local model, and with the libraries."""
        return digest({"version": 1, "data": self._data, "model": fingerprint(self._model, PACKAGES)})

    def files(self) -> Mapping[str, str | bytes | Path]:
        """The tokenizer, the labels, and a program that reads sentences as the model takes them."""
        settings = {
            "inputs": list(self._inputs),
            "length": self._length,
            "free_length": self._free,
            "pad_id": self._tokenizer.pad_token_id,
            "pad_token": self._tokenizer.pad_token,
            "kind": "words" if self._head == TAGS else self._labels.kind if self._labels else "classes",
            "labels": self._labels.names if self._labels else (),
        }
        return {
            "tokenizer.json": self._tokenizer.backend_tokenizer.to_str(),
            "preprocessing.json": json.dumps(settings, indent=1),
            **reader_files("text.py"),
        }

    def _cut(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """`inputs` without what is padding in all of them, if lengths are free."""
        if not self._free or "attention_mask" not in inputs:
            return inputs
        used = inputs["attention_mask"].any(0).nonzero()
        return {name: values[:, : int(used.max()) + 1] for name, values in inputs.items()}

    def _kind(self) -> Any:
        import transformers

        return {
            CLASSIFIES: transformers.AutoModelForSequenceClassification,
            TAGS: transformers.AutoModelForTokenClassification,
            WRITES: transformers.AutoModelForCausalLM,
        }[self._head]

    def _fresh(self, config: Any) -> nn.Module:
        network: nn.Module = self._kind().from_config(config)
        return network
