"""Names what a model says: a class, labels, or numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np

SETTINGS = Path(__file__).with_name("preprocessing.json")


def show(outputs: Any) -> None:
    """Print the class and its probability, all labels that hold, or the numbers."""
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    names = settings["labels"]
    if settings["kind"] == "numbers" or outputs.ndim > 2:
        print(outputs[0])
    elif settings["kind"] == "labels":
        print(*(name for name, value in zip(names, outputs[0], strict=True) if value > 0))
    else:
        odds = np.exp(outputs[0] - outputs[0].max())
        best = int(odds.argmax())
        print(names[best], f"{odds[best] / odds.sum():.3f}")
