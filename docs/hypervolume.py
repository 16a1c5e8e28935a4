"""Draw what the hypervolume of a front is, and what one more trial adds: ``python docs/hypervolume.py``."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

PICTURE = Path(__file__).parent / "images/hypervolume.svg"
WIDTH, HEIGHT, SIDE, TOP = 1000, 430, 330, 50
WORST = 1.1
"""Up to this size, as a share of the teacher's, anything counts."""

Point = tuple[float, float]
"""Size and accuracy, as shares of the teacher's."""

TEACHER: Point = (1.0, 1.0)
FRONT: tuple[Point, ...] = ((0.12, 0.60), (0.30, 0.82), (0.55, 0.95), TEACHER)
BEATEN: Point = (0.70, 0.75)
NEW: Point = (0.18, 0.78)
INK, GREEN, BLUE, GREY = "#1f2328", "#1a7f37", "#0969da", "#8c959f"


def share(front: Sequence[Point]) -> float:
    """The hypervolume of `front`: the shaded area, as a share of all of it up to the teacher's accuracy."""
    ends = [size for size, _ in sorted(front)[1:]] + [WORST]
    return sum((end - size) * accuracy for (size, accuracy), end in zip(sorted(front), ends, strict=True)) / WORST


def place(left: int, point: Point) -> tuple[float, float]:
    """Where `point` is in the panel that begins at `left`."""
    return left + SIDE * point[0] / WORST, TOP + SIDE * (1 - point[1] / WORST)


def area(left: int, front: Sequence[Point], fill: str) -> str:
    """The shape of all that `front` is better than."""
    corners: list[Point] = [(sorted(front)[0][0], 0.0)]
    for size, accuracy in sorted(front):
        corners += [(size, corners[-1][1]), (size, accuracy)]
    corners += [(WORST, corners[-1][1]), (WORST, 0.0)]
    text = " ".join("{:.1f},{:.1f}".format(*place(left, corner)) for corner in corners)
    return f'<polygon points="{text}" fill="{fill}"/>'


def dot(left: int, point: Point, fill: str, words: str = "") -> list[str]:
    """The shapes of one trial, with a few words to its right."""
    x, y = place(left, point)
    shapes = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{fill}"/>']
    return shapes + ([f'<text x="{x + 11:.1f}" y="{y + 5:.1f}">{escape(words)}</text>'] if words else [])


def panel(left: int, title: str, shapes: Sequence[str], below: str) -> list[str]:
    """The shapes of one panel with its axes."""
    bottom, right = TOP + SIDE, left + SIDE
    x, y = place(left, TEACHER)
    return [
        f'<text x="{left}" y="30" class="title">{escape(title)}</text>',
        *shapes,
        f'<path d="M{left},{TOP} V{bottom} H{right}" fill="none" stroke="{INK}" stroke-width="1.5"/>',
        f'<text x="{x:.1f}" y="{bottom + 18}" class="middle">1</text>',
        f'<text x="{left - 14}" y="{y + 5:.1f}">1</text>',
        f'<text x="{left}" y="{bottom + 18}">size ÷ teacher\'s: smaller is better</text>',
        f'<text x="{left - 22}" y="{bottom}" transform="rotate(-90 {left - 22} {bottom})">'
        "accuracy ÷ teacher's: higher is better</text>",
        f'<text x="{left}" y="{bottom + 42}" class="below">{escape(below)}</text>',
    ]


def picture() -> str:
    """The picture as SVG."""
    style = f"text{{font:13px sans-serif;fill:{INK}}}.title,.below{{font-weight:bold}}.middle{{text-anchor:middle}}"
    one, other = 60, 560
    grown = (*FRONT, NEW)
    first = [
        area(one, FRONT, "#ddf4ff"),
        *(shape for point in FRONT[:-1] for shape in dot(one, point, BLUE)),
        *dot(one, TEACHER, INK, "teacher"),
        *dot(one, BEATEN, GREY, "beaten: inside"),
    ]
    second = [
        area(other, grown, "#4ac26b"),
        area(other, FRONT, "#ddf4ff"),
        *(shape for point in FRONT[:-1] for shape in dot(other, point, BLUE)),
        *dot(other, TEACHER, INK, "teacher"),
        *dot(other, NEW, GREEN),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            "<title>The hypervolume is the area of all that some trial of the front is better than</title>",
            f"<style>{style}</style>",
            '<rect width="100%" height="100%" fill="white"/>',
            *panel(one, "What the front is better than", first, f"hypervolume: the blue area, {share(FRONT):.3f}"),
            *panel(
                other,
                "What one more trial adds",
                second,
                f"now {share(grown):.3f}: the green area is what the new trial added",
            ),
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
