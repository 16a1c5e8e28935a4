"""Reads a sentence as the model takes it, and names what the model says of it: pip install tokenizers numpy."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.tasks.readers import answer

SETTINGS = Path(__file__).with_name("preprocessing.json")


def feed() -> dict[str, Any]:
    """The sentence that the command names (or two that belong together), as the model's inputs."""
    found = _encoded()
    parts = {"input_ids": found.ids, "attention_mask": found.attention_mask, "token_type_ids": found.type_ids}
    return {name: np.array([parts[name]], "int64") for name in _settings()["inputs"]}


def show(outputs: Any) -> None:
    """Print what the model says in words: of the whole sentence, or of each of its words."""
    if _settings()["kind"] != "words":
        answer.show(outputs)
        return
    names, tokens = _settings()["labels"], _encoded().word_ids
    for index, word in enumerate(sys.argv[1].split()):
        if index in tokens:  # not if it was cut off; a word has the label of its first token
            print(word, names[int(outputs[0][tokens.index(index)].argmax())])


def _encoded() -> Any:
    from tokenizers import Tokenizer

    if len(sys.argv) < 2:
        sys.exit('usage: python run.py "A sentence."')
    settings = _settings()
    tokenizer = Tokenizer.from_file(str(Path(__file__).with_name("tokenizer.json")))
    tokenizer.enable_truncation(settings["length"])
    tokenizer.no_padding()
    if not settings["free_length"]:
        tokenizer.enable_padding(length=settings["length"], pad_id=settings["pad_id"], pad_token=settings["pad_token"])
    if settings["kind"] == "words":
        return tokenizer.encode(sys.argv[1].split(), is_pretokenized=True)
    return tokenizer.encode(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)


def _settings() -> Any:
    return json.loads(SETTINGS.read_text(encoding="utf-8"))
