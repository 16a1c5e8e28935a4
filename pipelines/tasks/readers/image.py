"""Reads an image file as the model takes it, and names what the model says of it: pip install pillow numpy."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

SETTINGS = Path(__file__).with_name("preprocessing.json")


def feed() -> dict[str, Any]:
    """The image that the command names, as the model's inputs."""
    from PIL import Image

    if len(sys.argv) < 2:
        sys.exit("usage: python run.py IMAGE")
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    image = Image.open(sys.argv[1]).convert("L" if len(settings["mean"]) == 1 else "RGB")
    (height, width), scale = settings["size"], settings["resized"] / min(image.size)
    wide, high = max(round(image.size[0] * scale), width), max(round(image.size[1] * scale), height)
    image = image.resize((wide, high), Image.Resampling[settings["resampling"]])
    left, top = (wide - width) // 2, (high - height) // 2
    pixels = np.asarray(image.crop((left, top, left + width, top + height)), "float32")
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    mean, std = (np.array(settings[key], "float32")[:, None, None] for key in ("mean", "std"))
    return {settings["input"]: ((pixels / 255 - mean) / std)[None]}


def show(outputs: Any) -> None:
    """Print what the model says in words: the class and its probability, all labels that hold, or the number."""
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    if settings["kind"] == "numbers":
        print(outputs[0])
    elif settings["kind"] == "labels":
        print(*(name for name, value in zip(settings["labels"], outputs[0], strict=True) if value > 0))
    else:
        odds = np.exp(outputs[0] - outputs[0].max())
        best = int(odds.argmax())
        print(settings["labels"][best], f"{odds[best] / odds.sum():.3f}")
