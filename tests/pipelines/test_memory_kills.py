from pathlib import Path

from pipelines.memory_kills import MemoryKills


def test_a_count_that_grows_is_seen_in_any_file(tmp_path: Path) -> None:
    first, second, none = (tmp_path / name for name in ("vmstat", "memory.events", "missing"))
    first.write_text("pgfault 5\noom_kill 3\n")
    second.write_text("oom 1\noom_kill 0\n")
    kills = MemoryKills((first, second, none))
    assert not kills.any
    first.write_text("pgfault 9\noom_kill 3\n")
    assert not kills.any
    second.write_text("oom 2\noom_kill 1\n")
    assert kills.any


def test_a_kernel_that_does_not_count_has_killed_nothing(tmp_path: Path) -> None:
    file = tmp_path / "vmstat"
    file.write_text("pgfault 5\n")
    kills = MemoryKills((file,))
    file.write_text("oom_kill 3\n")
    assert not kills.any
