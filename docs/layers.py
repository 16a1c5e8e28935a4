"""Draw the layers of `search` and `pipelines` from the import contracts: ``python docs/layers.py``.

What the picture shows is what ``make check`` enforces: layers and their order come from the contracts in
``pyproject.toml``, and what a package is for is the first sentence of its docstring.
"""

from __future__ import annotations

import ast
import re
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/images/layers.svg"
COLUMN, GAP, ROW, TOP = 660, 24, 26, 58
PAINT = {
    "search": 'fill="#ddf4ff" stroke="#0969da"',
    "pipelines": 'fill="#dafbe1" stroke="#1a7f37"',
    "spaces": 'fill="#fff8c5" stroke="#9a6700"',
}


def layers(package: str) -> list[list[str]]:
    """The layers of `package`, topmost first, each a list of module names without the package's."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (found,) = [c["layers"] for c in contracts if c["type"] == "layers" and c["name"].startswith(f"{package}:")]
    return [[name.strip().removeprefix(f"{package}.") for name in re.split(r"[|:]", layer)] for layer in found]


def purpose(package: str, name: str) -> str:
    """The first sentence of the docstring of a module or package, without its full stop."""
    place = ROOT / package / name
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    words = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return re.split(r"[.:;](?:\s|$)", words.replace("\n", " "), maxsplit=1)[0]


def column(package: str, x: int) -> tuple[list[str], int]:
    """The shapes of one package, and the height that they take."""
    paint = PAINT[package]
    shapes = [f'<text x="{x}" y="40" class="title">{package}/</text>']
    y = TOP
    for layer in layers(package):
        height = ROW * len(layer) + 10
        shapes.append(f'<rect x="{x}" y="{y}" width="{COLUMN}" height="{height}" rx="6" {paint}/>')
        for index, name in enumerate(layer):
            line = y + 22 + ROW * index
            shapes.append(f'<text x="{x + 12}" y="{line}" class="name">{name}</text>')
            shapes.append(f'<text x="{x + 130}" y="{line}">{escape(purpose(package, name))}</text>')
        y += height + 6
    return shapes, y


def picture() -> str:
    """The picture as SVG: the packages side by side; within each, a layer imports only from those below it."""
    left, deep = column("search", GAP)
    right, low = column("pipelines", COLUMN + 2 * GAP)
    bottom = max(deep, low) + 8
    width = 2 * COLUMN + 3 * GAP
    shapes = [
        *left,
        *right,
        f'<rect x="{GAP}" y="{bottom}" width="{width - 2 * GAP}" height="38" rx="6" {PAINT["spaces"]}/>',
        f'<text x="{GAP + 12}" y="{bottom + 24}" class="name">spaces</text>',
        f'<text x="{GAP + 130}" y="{bottom + 24}">{escape(purpose("spaces", "__init__"))}</text>',
    ]
    style = "text{font:13px sans-serif;fill:#1f2328}.name{font-weight:bold}.title{font-size:18px;font-weight:bold}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 54}" role="img">'
    title = "<title>search imports pipelines, which imports spaces; a layer imports only from those below it</title>"
    return "\n".join(
        [
            head,
            title,
            f"<style>{style}</style>",
            '<rect width="100%" height="100%" fill="white"/>',
            *shapes,
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
