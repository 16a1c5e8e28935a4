"""Draw how files come from where they are built to where they are measured: ``python docs/lane.py``."""

from __future__ import annotations

from html import escape
from pathlib import Path

PICTURE = Path(__file__).parent / "images/lane.svg"

WIDTH, HEIGHT = 980, 330
PAINT = {
    "build": 'fill="#ddf4ff" stroke="#0969da"',
    "drive": 'fill="#fff8c5" stroke="#9a6700"',
    "measure": 'fill="#dafbe1" stroke="#1a7f37"',
}

BOXES = (
    (
        "build",
        20,
        "Train here",
        "nodes with GPUs or processors",
        ("teacher, student, pruned,", "exported, quantized, packed", "scored on validation data"),
    ),
    (
        "drive",
        370,
        "Driver",
        "where you started the command",
        ("gives out trials", "reads files from the store", "keeps study, front, MLflow"),
    ),
    (
        "measure",
        720,
        "Measure there",
        "nodes that offer target.resource",
        ("Python, Ray, NumPy, the runtime", "no torch, no data", "latency, memory, energy"),
    ),
)
"""Each with its paint, where it begins, its name, where that is, and what is done or lies there."""

ARROWS = (
    (260, 370, 120, "built", "and goes on"),
    (610, 720, 120, "files, by Ray", "each once"),
    (720, 610, 220, "numbers", "or a reason"),
    (370, 260, 220, "next recipe", ""),
)
"""From, to, at which height, and what goes along."""

BELOW = (
    "A node that goes away costs nothing: its file is measured by the next one. "
    "A file that is built and not measured survives the driver."
)


def box(kind: str, x: int, name: str, where: str, lines: tuple[str, ...]) -> list[str]:
    """The shapes of one box."""
    text = [
        f'<rect x="{x}" y="60" width="240" height="210" rx="8" {PAINT[kind]}/>',
        f'<text x="{x + 120}" y="36" class="title">{escape(name)}</text>',
        f'<text x="{x + 120}" y="92" class="where">{escape(where)}</text>',
    ]
    return text + [
        f'<text x="{x + 120}" y="{140 + 30 * index}" class="middle">{escape(line)}</text>'
        for index, line in enumerate(lines)
    ]


def arrow(start: int, end: int, y: int, above: str, below: str) -> list[str]:
    """The shapes of one arrow."""
    middle = (start + end) // 2
    return [
        f'<line x1="{start}" y1="{y}" x2="{end + (-8 if end > start else 8)}" y2="{y}" stroke="#1f2328" '
        'stroke-width="1.5" marker-end="url(#head)"/>',
        f'<text x="{middle}" y="{y - 8}" class="small">{escape(above)}</text>',
        f'<text x="{middle}" y="{y + 18}" class="small">{escape(below)}</text>',
    ]


def picture() -> str:
    """The picture as SVG."""
    style = (
        "text{font:13px sans-serif;fill:#1f2328;text-anchor:middle}.title{font-size:18px;font-weight:bold}"
        ".where{font-weight:bold;font-size:12px}.small{font-size:12px}"
    )
    head = (
        '<marker id="head" markerWidth="8" markerHeight="8" refX="4" refY="3" orient="auto">'
        '<path d="M0,0 L6,3 L0,6 z" fill="#1f2328"/></marker>'
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            "<title>Workers build files, the driver keeps them, nodes that offer target.resource measure them</title>",
            f"<style>{style}</style><defs>{head}</defs>",
            '<rect width="100%" height="100%" fill="white"/>',
            *(shape for each in BOXES for shape in box(*each)),
            *(shape for each in ARROWS for shape in arrow(*each)),
            f'<text x="{WIDTH // 2}" y="306" class="small">{escape(BELOW)}</text>',
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
