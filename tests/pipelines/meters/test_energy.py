import pytest

from pipelines.bench.rapl import Counters
from pipelines.measurement import Measurement
from pipelines.meters import Energy
from pipelines.meters.energy import absence
from pipelines.runtimes import Target


@pytest.fixture
def candidate(shown):
    """A file whose run was watched by counters."""
    return shown({"energy_mj": 3.5, "latency_ms": 1.0}, {"energy_mj": "idle included", "latency.noise": "calm"})


def test_it_takes_the_energy_and_its_note(candidate) -> None:
    assert Energy().measure(candidate) == Measurement({"energy_mj": 3.5}, {}, {"energy_mj": "idle included"})


def test_why_there_is_none_is_what_the_counters_say(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("pipelines.meters.energy.Counters", lambda: Counters(tmp_path))
    assert absence(Target()) == f"this machine shows no energy counters in {tmp_path}"
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    for name, text in {"name": "package-0", "energy_uj": "5", "max_energy_range_uj": "9"}.items():
        (zone / name).write_text(text, encoding="ascii")
    assert absence(Target()) == ""
