"""The worked examples of CONTRIBUTING are added to a copy of the tree as the page says, and held to their contracts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from pipelines.meters import Candidate, Meter
from pipelines.quantizers import QUANTIZERS
from pipelines.runtimes import RUNTIMES, Artifact, Target, to_feed
from pipelines.store import Store
from pipelines.tasks.digits import Digits
from search.config.sweep_config import load_config
from search.samplers import SAMPLERS
from search.suggest.suggester import Suggester

ROOT = Path(__file__).parents[1]
CONTRACTS = {
    "SAMPLERS": "tests/search/samplers/test_sampler.py",
    "METERS": "tests/pipelines/meters/test_meter.py",
    "QUANTIZERS": "tests/pipelines/quantizers/test_quantizer.py",
    "RUNTIMES": "tests/pipelines/runtimes/test_runtime.py",
}


class Example(NamedTuple):
    """A worked example: the file that it becomes, its class, and the registry that the class is named in."""

    file: str
    name: str
    registry: str
    source: str


def examples() -> dict[str, Example]:
    """The worked examples by their registry: one of CONTRIBUTING each, and the scheme that it points to."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = r"`(\S+\.py)`, and `(\w+)\(\)` in `(\w+)`\..*?```python\n(.*?)^```"
    found = [Example(*groups) for groups in re.findall(told, page, re.MULTILINE | re.DOTALL)]
    scheme = (ROOT / "docs/examples/weight_bf16.py").read_text(encoding="utf-8")
    found.append(Example("pipelines/quantizers/weight_bf16.py", "WeightBf16", "QUANTIZERS", scheme))
    return {example.registry: example for example in found}


EXAMPLES = examples()


def made(registry: str) -> Any:
    """An instance of the example, of a module that other processes could import, too."""
    example = EXAMPLES[registry]
    module = sys.modules[f"worked_{Path(example.file).stem}"] = ModuleType(f"worked_{Path(example.file).stem}")
    exec(example.source, module.__dict__)
    return getattr(module, example.name)()


def test_there_is_one_of_each_kind_and_the_page_names_its_contract() -> None:
    assert EXAMPLES.keys() == CONTRACTS.keys()
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for registry, contract in CONTRACTS.items():
        assert f"`{Path(EXAMPLES[registry].file).parent}/`, `{registry}` | `{contract}`" in page


def test_a_script_may_register_a_sampler_and_a_runtime_before_it_reads_a_sweep(monkeypatch) -> None:
    monkeypatch.setitem(SAMPLERS, "nsga2-blx", made("SAMPLERS"))
    monkeypatch.setitem(RUNTIMES, "reference", made("RUNTIMES"))
    overrides = ["search.sampler=nsga2-blx", "target.runtime=reference"]
    config = load_config(ROOT / "configs/digits.yaml", overrides)
    suggester = Suggester(config.search.sampler, config.space, config.objectives, config.constraints, 0)
    assert len({config.space.recipe(suggester.suggest()).digest for _ in range(10)}) == 10
    assert config.targets.first.runtime == "reference"


def test_the_runtime_and_the_metric_work_on_a_file(tmp_path: Path) -> None:
    model, inputs = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10)), torch.rand(1, 1, 8, 8)
    artifact, target = Artifact(tmp_path / "model.onnx", "onnx"), Target("reference")
    options = {"input_names": ["input"], "output_names": ["output"], "dynamo": False}
    torch.onnx.export(model, (inputs,), str(artifact.path), **options)
    outputs = made("RUNTIMES").load(artifact, target).run(to_feed(inputs))
    torch.testing.assert_close(torch.from_numpy(outputs), model(inputs).detach())
    meter: Meter = made("METERS")
    measured = meter.measure(Candidate(artifact, artifact, artifact, Digits(), target, Store(tmp_path)))
    assert measured.metrics == {"operators": 4.0}  # Flatten, Gemm, Relu, Gemm


@pytest.mark.slow
def test_each_keeps_the_contract_of_its_kind_once_it_is_registered(tmp_path: Path) -> None:
    for name in ("spaces", "pipelines", "search", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for example in EXAMPLES.values():
        file = tmp_path / example.file
        file.write_text(example.source, encoding="utf-8")
        registry = file.with_name("__init__.py")
        head, named, tail = registry.read_text(encoding="utf-8").partition(f"\n{example.registry}:")
        assert named
        imported = f"\nfrom {example.file.removesuffix('.py').replace('/', '.')} import {example.name}"
        tail = re.sub(r"(\w+\(\))", rf"{example.name}(), \1", tail, count=1)
        registry.write_text(f"{head}{imported}{named}{tail}", encoding="utf-8")
    ids = ["nsga2-blx", "Operators", "weight-bf16", "reference"]
    command = [sys.executable, "-m", "pytest", "-n", "0", "-vv", "-m", "not slow"]
    done = subprocess.run(
        [*command, "-k", " or ".join([*ids, "no_torch"]), *CONTRACTS.values()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    for name in ids:
        assert len(re.findall(rf"\[(?:.*-)?{name}(?:-.*)?\] PASSED", done.stdout)) >= 4, name
    assert "weight-bf16" not in QUANTIZERS  # the copy was tested, not this tree
