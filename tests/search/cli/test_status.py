import pytest
from rich.console import Console

from search.cli.status import SHORT, _cells, _table

ROW = {
    "sweep": "digits",
    "state": "stopped (run it again to resume)",
    "trials": 200,
    "budget": None,
    "complete": 120,
    "stopped": 13,
    "failed": 2,
    "running": 0,
    "front": 12,
    "hypervolume": 0.81234,
    "stages": {"computed": 120, "reused": 300, "seconds_saved": 1234.5},
    "measuring": {"share": 0.123},
}


@pytest.mark.parametrize(("rows", "width"), [(1, 80), (3, 80), (1, 140), (3, 140)])
def test_nothing_is_cut_off_whatever_the_width(console, rows, width) -> None:
    cells = _cells(ROW)
    narrow = Console(file=console.file, width=width)
    narrow.print(_table([cells] * rows, width))
    text = console.file.getvalue()
    shown = [name for name in cells if name in SHORT or rows == 1 or width == 140]
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for name in shown:
        assert name in text
        assert name == "state" or cells[name] in text
    assert ("measuring" in text) == ("measuring" in shown)
