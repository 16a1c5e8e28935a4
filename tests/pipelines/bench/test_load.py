import os
from pathlib import Path

import pytest

from pipelines.bench.load import Load

TICK = 1 / os.sysconf("SC_CLK_TCK")


def stat(folder: Path, *ticks: int) -> Path:
    line = "cpu  " + " ".join(map(str, ticks))
    (folder / "stat").write_text(f"{line}\ncpu0 1 2 3 4\nintr 5\n", encoding="ascii")
    return folder


def test_busy_is_all_but_idle_and_waiting(tmp_path: Path) -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice
    load = Load.now(stat(tmp_path, 100, 10, 20, 9999, 999, 1, 2, 3, 50, 5))
    assert load.busy_s == pytest.approx(136 * TICK)


def test_what_others_did_is_what_this_process_did_not() -> None:
    before, after = Load(100.0, 5.0, 50.0), Load(106.0, 7.0, 52.0)
    assert after.others_since(before) == pytest.approx(2.0)


def test_the_count_is_coarse_and_never_negative() -> None:
    assert Load(100.0, 6.0, 51.0).others_since(Load(100.0, 5.0, 50.0)) == 0.0


def test_where_nothing_is_told_nothing_is_known(tmp_path: Path) -> None:
    unknown = Load.now(tmp_path)
    assert unknown.busy_s is None
    assert Load(1.0, 0.0, unknown.wall_s + 1).others_since(unknown) is None
    assert unknown.others_since(Load(1.0, 0.0, unknown.wall_s - 1)) is None


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux has it")
def test_this_machine_tells() -> None:
    first = Load.now()
    assert first.busy_s is not None
    assert first.busy_s > 0
    assert Load.now().others_since(first) is not None
