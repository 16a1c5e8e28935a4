"""What a machine needs that only measures: the dependency group `measure`, and nothing else that Paredown needs."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipelines.bench.packed_size import packed_size

ROOT = Path(__file__).parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUP = [Requirement(line) for line in PYPROJECT["dependency-groups"]["measure"]]

HEAVY = {"torch", "torch-pruning", "optuna", "mlflow", "pandas", "onnx", "scipy", "scikit-learn", "pydantic", "typer"}

BLOCKER = """
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"a machine that only measures has no {{name}}")


sys.meta_path.insert(0, Blocker())
"""
"""Python runs it when it starts, if it lies on its path as ``sitecustomize.py``."""

MEASURE = """
import json, sys
from pathlib import Path

import numpy as np

from pipelines.bench.job import Job
from pipelines.bench.packed_size import packed_size
from pipelines.bench.running import run_bench
from pipelines.lease import Lease
from pipelines.runtimes import Artifact, Target

folder, own = Path(sys.argv[1]), Artifact(Path(sys.argv[2]), "onnx")
job = Job(own, own, own, Path(), Target(), budget_s=0, powercap=folder / "powercap")
found = run_bench(job, {"input": np.zeros((1, 1, 8, 8), np.float32)}, Lease(folder=folder / "leases"))
print(json.dumps({**found.metrics, "bytes": own.path.stat().st_size, "packed": packed_size(own.path)}))
"""


def closure(requirements: Iterable[Requirement]) -> set[str]:
    """The names of all distributions that are installed with `requirements`, as the installed ones declare."""
    todo, seen = [(requirement, "") for requirement in requirements], set()
    while todo:
        requirement, extra = todo.pop()
        name = canonicalize_name(requirement.name)
        todo += [(requirement, each) for each in requirement.extras if not extra]
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for needed in map(Requirement, metadata.requires(name) or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                todo.append((needed, ""))
    return {name for name, _ in seen}


def test_the_group_brings_none_of_what_trains_searches_or_records() -> None:
    assert not closure(GROUP) & HEAVY
    assert "pandas" in closure([Requirement("ray[tune]")]), "it would be seen"


def test_the_group_asks_for_the_versions_that_the_whole_asks_for() -> None:
    whole = {each.name: each.specifier for each in map(Requirement, PYPROJECT["project"]["dependencies"])}
    assert {each.name: each.specifier for each in GROUP} == {each.name: whole[each.name] for each in GROUP}


def test_a_file_is_measured_with_nothing_but_the_group(exported, tmp_path: Path) -> None:
    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in {"name": "package-0", "energy_uj": "5", "max_energy_range_uj": "9"}.items():
        (zone / name).write_text(text, encoding="ascii")
    had = closure(GROUP)
    blocked = {
        module
        for module, distributions in metadata.packages_distributions().items()
        if not {canonicalize_name(each) for each in distributions} & {*had, "paredown"}
    }
    assert {"torch", "optuna", "mlflow", "pandas", "onnx"} <= blocked
    (tmp_path / "sitecustomize.py").write_text(BLOCKER.format(blocked=blocked), encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])

    def run(code: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, str(tmp_path), str(exported.artifact.path)]
        env = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env)

    done = run(MEASURE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"latency_ms", "latency_ratio", "peak_memory_mb", "energy_mj"} <= set(found)
    assert found["packed"] == packed_size(exported.artifact.path)
    assert "a machine that only measures has no torch" in run("import pipelines.evaluator").stderr


@pytest.mark.parametrize("seed", [0, 1])
def test_the_packed_size_is_the_same_each_time(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(np.random.default_rng(seed).integers(0, 9, 50_000, np.uint8).tobytes())
    assert packed_size(file) == packed_size(file) < 50_000
