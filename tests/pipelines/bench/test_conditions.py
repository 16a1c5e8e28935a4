from pathlib import Path

import onnxruntime

from pipelines.bench.conditions import clocks, conditions, processor, throttled
from pipelines.bench.job import Job
from pipelines.runtimes import Artifact, OnnxRuntime, Target


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n", encoding="ascii")
    return folder


def test_the_number_never_goes_without_them() -> None:
    job = Job(*[Artifact(Path("a"), "onnx")] * 3, Path("d"), Target(threads=2, batch=8))
    words = conditions(job, OnnxRuntime())
    assert words.startswith(f"batch 8, 2 threads, onnxruntime {onnxruntime.__version__}, ")
    assert processor() in words


def test_the_processor_has_a_name(tmp_path: Path) -> None:
    write(tmp_path, {"cpuinfo": "processor\t: 0\nmodel name\t: Made Up 3000\nflags\t: x"})
    assert processor(tmp_path) == "Made Up 3000"
    assert processor(tmp_path / "none")


def test_clocks_are_told_where_the_machine_shows_them(tmp_path: Path) -> None:
    assert clocks(tmp_path) == []
    write(tmp_path, {"cpu0/cpufreq/scaling_governor": "performance", "cpu0/cpufreq/scaling_cur_freq": "3712000"})
    assert clocks(tmp_path) == ["governor performance", "3.71 GHz"]


def test_throttling_is_counted_over_all_processors(tmp_path: Path) -> None:
    assert throttled(tmp_path) is None
    files = {f"cpu{n}/thermal_throttle/core_throttle_count": str(n + 1) for n in (0, 1, 10)}
    assert throttled(write(tmp_path, files)) == 14
