from pathlib import Path

import pytest

from pipelines.bench.rapl import BLOCK_S, Counters, energy_mj


def zone(folder: Path, name: str, energy_uj: int, label: str = "package-0", largest: int = 1_000_000) -> Path:
    path = folder / name
    path.mkdir(exist_ok=True)
    (path / "name").write_text(label + "\n", encoding="ascii")
    (path / "energy_uj").write_text(f"{energy_uj}\n", encoding="ascii")
    (path / "max_energy_range_uj").write_text(f"{largest}\n", encoding="ascii")
    return path


def test_energy_is_what_the_counter_went_up(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", 100_000)
    counters = Counters(tmp_path)
    assert counters.absence() == ""
    assert counters.joules(lambda: zone(tmp_path, "intel-rapl:0", 350_000)) == pytest.approx(0.25)


def test_a_counter_that_begins_anew_is_followed(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", 900_000)
    assert Counters(tmp_path).joules(lambda: zone(tmp_path, "intel-rapl:0", 50_000)) == pytest.approx(0.15)


def test_packages_add_up_and_nothing_counts_twice(tmp_path: Path) -> None:
    def at(package_0: int, package_1: int, core: int, psys: int) -> None:
        zone(tmp_path, "intel-rapl:0", package_0)
        zone(tmp_path, "intel-rapl:1", package_1, "package-1")
        zone(tmp_path, "intel-rapl:0:0", core, "core")
        zone(tmp_path, "intel-rapl:2", psys, "psys")
        zone(tmp_path, "intel-rapl-mmio:0", package_0)

    at(0, 0, 0, 0)
    assert Counters(tmp_path).joules(lambda: at(100_000, 200_000, 90_000, 500_000)) == pytest.approx(0.3)


def test_one_call_costs_its_share(tmp_path: Path) -> None:
    now, calls = [0.0], [0]
    zone(tmp_path, "intel-rapl:0", 0)

    def call() -> None:
        now[0] += BLOCK_S / 9.5  # so that ten calls fill the block
        calls[0] += 1
        zone(tmp_path, "intel-rapl:0", 20_000 * calls[0])

    assert energy_mj(Counters(tmp_path), call, lambda: now[0]) == pytest.approx(20.0)
    assert calls == [10]


def test_no_counter_is_no_zero(tmp_path: Path) -> None:
    assert Counters(tmp_path).absence() == f"this machine shows no energy counters in {tmp_path}"
    (zone(tmp_path, "intel-rapl:0", 5) / "energy_uj").write_text("?", encoding="ascii")
    assert Counters(tmp_path).absence().endswith("energy_uj cannot be read: it holds no number; let an administrator "
                                                 "make it readable for this user")  # fmt: skip


def test_a_counter_that_only_an_administrator_may_read_says_so(tmp_path: Path) -> None:
    file = zone(tmp_path, "intel-rapl:0", 5) / "energy_uj"
    file.unlink()
    reason = f"{file} cannot be read: no such file or directory; let an administrator make it readable for this user"
    assert Counters(tmp_path).absence() == reason
