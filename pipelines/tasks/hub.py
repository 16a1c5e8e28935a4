"""What Hugging Face's libraries load: from a folder, or by name from the hub where there is one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pipelines.extra import missing, versions
from pipelines.file_hash import sha256
from spaces import digest

Loaded = TypeVar("Loaded")

WIDTHS = (
    "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "embedding_size",
)  # fmt: skip
"""What of a configuration a narrower student has less of; heads keep their size."""


def needed(packages: tuple[str, ...]) -> None:
    """See whether `packages` are installed.

    Raises:
        ValueError: one is not.
    """
    if problem := missing(packages):
        raise ValueError(f"this task {problem}")


def loaded(load: Callable[..., Loaded], name: str, what: str, **options: Any) -> Loaded:
    """What `load`, such as ``AutoConfig.from_pretrained``, gives for the folder or the hub's name `name`.

    Raises:
        ValueError: there is no such thing, or the hub cannot be reached.
    """
    folder = Path(name).expanduser()
    try:
        return load(str(folder) if folder.is_dir() else name, **options)
    except Exception as error:  # the library's and the network's errors have no common base
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        where = "in this folder" if folder.is_dir() else "no folder here, and the hub does not give it"
        raise ValueError(f"model: {name!r}: {what} cannot be loaded: {where} ({said})") from error


def fingerprint(name: str, packages: tuple[str, ...]) -> str:
    """A digest that changes with the files of a local folder and with the versions of `packages`."""
    folder = Path(name).expanduser()
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return digest({"files": {str(file.relative_to(folder)): sha256(file) for file in files}, **versions(packages)})


def narrower(config: Any, width: float) -> Any:
    """A copy of a configuration of Hugging Face's whose heads and layers have the share `width` of the full widths.

    Raises:
        ValueError: the configuration has no attention heads to scale by.
    """
    if width == 1:
        return config
    heads = getattr(config, "num_attention_heads", None)
    if not isinstance(heads, int):
        raise ValueError("its configuration has no num_attention_heads, so it does not come narrower; leave width at 1")
    count = max(1, round(heads * width))
    changed = {name: getattr(config, name, None) for name in WIDTHS}
    for name, value in changed.items():
        if isinstance(value, int):
            setattr(config, name, max(1, value * count // heads))
    return config


def name_labels(config: Any, names: Sequence[str]) -> None:
    """Let a configuration of Hugging Face's have an output for each of `names`, and a single one for none: a number."""
    names = names or ["value"]
    config.num_labels = len(names)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: index for index, name in config.id2label.items()}


def quiet() -> None:
    """Keep the hub's libraries from drawing progress bars and from reporting their use over the network."""
    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY", "TOKENIZERS_PARALLELISM"):
        os.environ.setdefault(name, "0" if name.startswith("TOK") else "1")
