"""Whatever is in a sweep's file, a recipe or an option: a short answer, and what is valid can be done."""

import random
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from pipelines.preflight.findings import Findings
from search.cli.app import app
from search.planning.reading import read_sweep
from tests.search.mutations import OPTION, OTHER, disorder, mutated, option, override

pytestmark = pytest.mark.slow

MOST_LINES = 40

SHAPES = """
import torch
from torch import nn


class Shapes:
    def __init__(self, examples=48):
        inputs = torch.randn(examples * 2, 16, generator=torch.Generator().manual_seed(0))
        targets = inputs[:, :3].argmax(1)
        self.train, self.rest = [(inputs[at::2], targets[at::2]) for at in (0, 1)]

    def teacher(self):
        return self.student(2)

    def student(self, depth):
        hidden = [each for _ in range(min(depth, 9)) for each in (nn.Linear(32, 32), nn.ReLU())]
        return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), *hidden, nn.Linear(32, 3))

    def batches(self, split):
        inputs, targets = self.train if split in ("train", "calibration") else self.rest
        return [(inputs[at : at + 12], targets[at : at + 12]) for at in range(0, len(targets), 12)]

    def example_input(self):
        return self.train[0][:1]
"""

SWEEP: Mapping[str, Any] = {
    "sweep": "shapes",
    "task": {"use": "shapes_task:Shapes", "args": {"examples": 48}},
    "space": {
        "student": {"depth": ["none", 1]},
        "distillation": {"alpha": [0.0, 0.5], "temperature": 4},
        "pruning": {"method": ["none", "channel"], "ratio": {"low": 0.25, "high": 0.5, "step": 0.25}},
        "quantization": {"scheme": ["none", "dynamic-int8"]},
    },
    "objectives": {"accuracy": "maximize", "latency_ms": "minimize", "size_mb": "minimize"},
    "constraints": {"accuracy": ">= 0.1"},
    "training": {
        "teacher_epochs": 1,
        "student_epochs": 1,
        "finetune_epochs": 1,
        "qat_epochs": 1,
        "learning_rate": 0.01,
    },
    "target": {"runtime": "onnxruntime", "batch": 2, "threads": 1},
    "search": {"sampler": "tpe", "trials": 3, "budget": "2h", "seed": 0, "lookahead": 4},
    "cluster": {"cpus_per_trial": 1, "gpus_per_trial": 0, "max_concurrent_trials": 2},
    "tracking": {"experiment": "shapes"},
    "store": {"limit_gb": 1},
}
RECIPE = [
    {"distil": {"depth": 1, "alpha": 0.5, "temperature": 4}},
    {"prune": {"method": "channel", "ratio": 0.5}},
    {"quantize": {"scheme": "dynamic-int8"}},
]
ONE_EPOCH = [f"training.{phase}_epochs=1" for phase in ("teacher", "student", "finetune", "qat")]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shapes(tmp_path, monkeypatch, workspace) -> Path:
    """A folder with a task that is quickly trained, and its sweep's file."""
    (tmp_path / "shapes_task.py").write_text(SHAPES, encoding="utf-8")
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(dict(SWEEP), sort_keys=False), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("shapes_task", None)
    return tmp_path


def check(run: Run, *arguments: object) -> int:
    """Run a command; its exit code, when what it says fits a screen and does not come from a bug."""
    code, out, err = run(*arguments)
    said = [line for line in (out + err).splitlines() if line.strip()]
    assert "Traceback" not in out + err
    if "--json" not in arguments:  # which is for programs
        assert len(said) <= MOST_LINES, said[:3]
        assert len(out + err) < 20_000, said[0][:300]
    assert (code == 0) or said[-1]
    return code


@cache
def bases() -> list[dict[str, Any]]:
    """The sweeps that files are made from: those that come with Paredown, and the smallest."""
    configs = sorted(Path(__file__).parents[2].glob("configs/*.yaml"))
    shipped = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in configs]
    return [{**one, "task": SWEEP["task"]} for one in shipped] + [dict(SWEEP)] * 3


@pytest.fixture
def only_read(monkeypatch) -> None:
    """Nothing of a sweep is rehearsed, which takes a second: what is tried here is how input is read."""
    monkeypatch.setattr("search.planning.check.preflight", lambda *_: Findings())


@pytest.mark.parametrize("seed", range(8))
def test_a_sweeps_file_is_valid_or_refused_within_a_screen(shapes, cli_run, only_read, seed) -> None:
    rng, path = random.Random(OTHER + seed), shapes / "sweep.yaml"
    for _ in range(35):
        path.write_text(mutated(rng, rng.choice(bases())), encoding="utf-8", errors="surrogatepass")
        assert check(cli_run, "validate", path) in (0, 2), path.read_bytes()[:3000]


def test_a_sweeps_file_is_rehearsed_or_refused_within_a_screen(shapes, cli_run) -> None:
    rng, path = random.Random(OTHER + 50), shapes / "sweep.yaml"
    for _ in range(20):
        path.write_text(mutated(rng, dict(SWEEP)), encoding="utf-8", errors="surrogatepass")
        assert check(cli_run, "validate", path) in (0, 2), path.read_bytes()[:3000]


@pytest.mark.parametrize("seed", range(5))
def test_overrides_are_valid_or_refused_within_a_screen(shapes, cli_run, only_read, seed) -> None:
    rng = random.Random(OTHER + 100 + seed)
    for _ in range(30):
        given = [override(rng, dict(SWEEP)) for _ in range(rng.choice([1, 1, 2]))]
        arguments = [argument for each in given for argument in ("-o", each)]
        assert check(cli_run, "validate", shapes / "sweep.yaml", *arguments) in (0, 2), given


@pytest.mark.parametrize("seed", range(4))
def test_a_recipe_is_begun_or_refused_within_a_screen(shapes, cli_run, only_read, monkeypatch, seed) -> None:
    def begun(*_: object) -> None:
        raise typer.Exit(0)

    monkeypatch.setattr("search.study.saved.sweep_evaluator", begun)
    rng, path = random.Random(OTHER + 200 + seed), shapes / "recipe.yaml"
    for _ in range(25):
        path.write_text(mutated(rng, RECIPE), encoding="utf-8", errors="surrogatepass")
        assert check(cli_run, "trial", shapes / "sweep.yaml", path) in (0, 2), path.read_bytes()[:3000]


HEAVY = [
    "search.study.saved.sweep_evaluator",
    "search.sweep.run_sweep",
    "search.analysis.remeasuring.remeasure",
    "search.analysis.confirmation.confirm",
    "search.analysis.held_out.hold_out",
    "os.execv",
]
"""What commands do when nothing is wrong with what they were asked for."""


def commands() -> list[tuple[str, ...]]:
    found = typer.main.get_command(app)
    inner = [("store", name) for name in found.commands["store"].commands]
    return [(name,) for name in found.commands if name != "store"] + inner


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_options_are_taken_or_refused_within_a_screen(
    shapes, cli_run, only_read, make_config, run_inline, monkeypatch, command
) -> None:
    run_inline(make_config(search={"trials": 6}))

    def begun(*_: object, **__: object) -> None:
        raise typer.Exit(0)

    for name in HEAVY:
        monkeypatch.setattr(name, begun)
    found = typer.main.get_command(app)
    for name in command:
        found = found.commands[name]
    values = [each for each in found.params if each.param_type_name == "argument"]
    options = [each for each in found.params if each.param_type_name == "option" and each.name != "help"]
    right = {"path": "sweep.yaml", "recipe_path": "recipe.yaml", "name": "small", "names": "small"}
    right |= {"template": "own", "folder": "new", "file": "small.json"}
    (shapes / "recipe.yaml").write_text("[]", encoding="utf-8")
    rng = random.Random(f"{OTHER} {' '.join(command)}")
    for _ in range(40):
        arguments = [rng.choice(OPTION) if rng.random() < 0.2 else right[each.name] for each in values]
        for each in rng.sample(options, k=min(len(options), rng.randrange(1, 4))):
            arguments += [each.opts[0]] + ([] if each.is_flag else [option(rng, each.opts[0], dict(SWEEP))])
        arguments = disorder(rng, arguments) if rng.random() < 0.2 else arguments
        assert check(cli_run, *command, *arguments) in (0, 1, 2), arguments


def test_a_recipe_that_is_not_refused_is_completed(shapes, cli_run) -> None:
    rng, path, failed, tried = random.Random(OTHER + 300), shapes / "recipe.yaml", [], 0
    while tried < 8:
        path.write_text(mutated(rng, RECIPE), encoding="utf-8", errors="surrogatepass")
        code = check(cli_run, "trial", shapes / "sweep.yaml", path, *(f"-o{each}" for each in ONE_EPOCH))
        tried += code != 2
        if code not in (0, 2):
            failed.append(path.read_bytes()[:3000])
    assert failed == []


def test_what_is_valid_completes_its_trial(shapes, cli_run) -> None:
    rng, path, failed, tried = random.Random(OTHER + 7), shapes / "sweep.yaml", [], 0
    while tried < 12:
        path.write_text(mutated(rng, dict(SWEEP)), encoding="utf-8", errors="surrogatepass")
        if check(cli_run, "validate", path):
            continue
        tried += 1
        config, _ = read_sweep(path)  # without what the rehearsal rules out, which no sweep tries
        recipe = config.space.recipe(config.space.draw(rng)).to_list()
        (shapes / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
        code, _, err = cli_run("trial", path, shapes / "recipe.yaml", *(f"-o{each}" for each in ONE_EPOCH))
        if code:
            failed.append((recipe, err[-500:]))
    assert failed == []
