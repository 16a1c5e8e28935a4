"""Reads a sentence as the model takes it, and names what the model says of it: pip install tokenizers numpy."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

SETTINGS = Path(__file__).with_name("preprocessing.json")


def feed() -> dict[str, Any]:
    """The sentence that the command names (or two that belong together), as the model's inputs."""
    from tokenizers import Tokenizer

    if len(sys.argv) < 2:
        sys.exit('usage: python run.py "A sentence."')
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(Path(__file__).with_name("tokenizer.json")))
    tokenizer.enable_truncation(settings["length"])
    tokenizer.no_padding()
    if not settings["free_length"]:
        tokenizer.enable_padding(length=settings["length"], pad_id=settings["pad_id"], pad_token=settings["pad_token"])
    found = tokenizer.encode(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
    parts = {"input_ids": found.ids, "attention_mask": found.attention_mask, "token_type_ids": found.type_ids}
    return {name: np.array([parts[name]], "int64") for name in settings["inputs"]}


def show(outputs: Any) -> None:
    """Print what the model says in words: the class and its probability, all labels that hold, or the numbers."""
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    if settings["kind"] == "numbers" or outputs.ndim > 2:
        print(outputs[0])
    elif settings["kind"] == "labels":
        print(*(name for name, value in zip(settings["labels"], outputs[0], strict=True) if value > 0))
    else:
        odds = np.exp(outputs[0] - outputs[0].max())
        best = int(odds.argmax())
        print(settings["labels"][best], f"{odds[best] / odds.sum():.3f}")
