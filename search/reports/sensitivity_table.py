"""A sensitivity analysis as a table in the terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from pipelines.sensitivity_table import Row, Sensitivity
from search.reports.table import number

HARMLESS, BEARABLE = 0.01, 0.05
"""Up to these shares of the accuracy a loss is shown in green, and in yellow."""


def sensitivity_table(title: str, found: Sensitivity) -> Table:
    """Layers by ratios: the accuracy that is lost when this layer alone is cut; below it what could not be cut."""
    table = Table(title=title, caption=_caption(found), caption_justify="left")
    table.add_column("layer", overflow="fold")
    table.add_column("units", justify="right")
    for ratio in found.ratios:
        table.add_column(f"{ratio:g}", justify="right")
    cells = {(row.layer, row.ratio): _cell(row, found.accuracy) for row in found.rows}
    for layer in found.layers:
        table.add_row(escape(layer), str(found.sizes[layer]), *(cells[layer, ratio] for ratio in found.ratios))
    return table


def reasons_not_cut(found: Sensitivity) -> list[str]:
    """One line for each reason why a layer could not be cut."""
    lines = []
    for layer in found.layers:
        reasons: dict[str, list[str]] = {}
        for row in found.rows:
            if row.layer == layer and row.note:
                reasons.setdefault(row.note, []).append(f"{row.ratio:g}")
        lines += [f"{layer} at {', '.join(ratios)}: {reason}" for reason, ratios in reasons.items()]
    return lines


def _caption(found: Sensitivity) -> str:
    whole = f"accuracy of the whole network on the calibration split: {number(found.accuracy)}"
    return f"accuracy lost by cutting one layer, without training after it; {whole}"


def _cell(row: Row, whole: float) -> str:
    if row.drop is None:
        return "[dim]-[/dim]"
    share = row.drop / abs(whole) if whole else row.drop
    color = "green" if share <= HARMLESS else "yellow" if share <= BEARABLE else "red"
    return f"[{color}]{row.drop:.3f}[/{color}]"
