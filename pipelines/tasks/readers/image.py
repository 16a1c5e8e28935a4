"""Reads an image file as the model takes it, and names what the model says of it: pip install pillow numpy."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.tasks.readers.answer import show

__all__ = ["feed", "show"]

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
